/** The part of a Durable Object's synchronous key-value storage that plain modules use. */
export interface Kv {
  get<T>(key: string): T | undefined;
  put<T>(key: string, value: T): void;
  delete(key: string): void;
  /** What is stored under keys that start with `prefix`, in their order. */
  list<T>(options: { readonly prefix: string }): Iterable<[key: string, value: T]>;
}
