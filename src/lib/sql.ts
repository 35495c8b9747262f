export type SqlValue = string | number | null | ArrayBuffer;

/** The part of `SqlStorage` that plain modules use. */
export interface Sql {
  exec<T extends Record<string, SqlValue>>(
    query: string,
    ...bindings: (string | number | null)[]
  ): { toArray(): T[] };
}
