/** Runs tasks of one key one after the other, and tasks of different keys side by side. */
export class KeyedQueue {
  readonly #tails = new Map<string, Promise<void>>();

  /** Starts `task` at once if its key is idle. A task must not reject: its failures are its own. */
  run(key: string, task: () => Promise<void>): Promise<void> {
    const before = this.#tails.get(key);
    const tail = (before === undefined ? task() : before.then(task)).finally(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
    return tail;
  }
}
