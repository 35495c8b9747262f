import { type ChildProcess, fork } from "node:child_process";
import { stopChild, track } from "./children.ts";

interface Request<Command> {
  readonly id: number;
  readonly command: Command;
}

type Reply =
  | { readonly id: number; readonly answer: unknown }
  /** Of what the process does on its own, or of a command. */
  | { readonly failed: string };

/** A child process that answers commands. Once it has failed, or ended on its own, every command fails. */
export class WorkerProcess<Command> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  readonly #failure = Promise.withResolvers<never>();
  #nextId = 0;

  constructor(modulePath: string) {
    this.#child = track(fork(modulePath));
    // Reported by whatever is asked next.
    this.#failure.promise.catch(() => undefined);
    this.#child.on("exit", () => this.#failure.reject(new Error(`${modulePath} ended.`)));
    this.#child.on("message", (reply: Reply) => {
      if ("failed" in reply) this.#failure.reject(new Error(reply.failed));
      else this.#waiting.get(reply.id)?.(reply.answer);
    });
  }

  /** The answer is what the child's handler returns for such a command. */
  async ask(command: Command, timeoutMs: number): Promise<unknown> {
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, resolve);
    const timer = setTimeout(
      () => reject(new Error(`No answer to ${JSON.stringify(command).slice(0, 100)}.`)),
      timeoutMs,
    );
    try {
      this.#child.send({ id, command } satisfies Request<Command>);
      return await Promise.race([promise, this.#failure.promise]);
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  stop(): Promise<void> {
    return stopChild(this.#child);
  }
}

/** The child's end. `fail` reports what goes wrong outside of a command. */
export const serveParent = <Command>(
  handle: (command: Command, fail: (message: string) => void) => Promise<unknown>,
): void => {
  const reply = (message: Reply): void => {
    process.send?.(message);
  };
  const fail = (message: string): void => reply({ failed: message });
  process.on("message", ({ id, command }: Request<Command>) => {
    handle(command, fail).then(
      (answer) => reply({ id, answer }),
      (error: Error) => fail(error.message),
    );
  });
  // Without its parent it has nothing to do.
  process.on("disconnect", () => process.exit());
};
