import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";

const BRIDGE = path.resolve(import.meta.dirname, "../../examples/redis-bridge/bridge.ts");

interface Note {
  readonly note: string;
  readonly count: number;
  readonly [detail: string]: unknown;
}

/** The example's bridge, in a process of its own. */
export class Bridge {
  /** All it has said, in order. */
  readonly notes: Note[] = [];
  /** How it ended. */
  readonly ended: Promise<{ code: number | null; errors: string }>;
  readonly #process: ChildProcess;
  #wake: (() => void)[] = [];
  #over = false;

  constructor(env: Readonly<Record<string, string>>) {
    const started = spawn(process.execPath, [BRIDGE], {
      stdio: "pipe",
      env: { PATH: process.env.PATH, ...env },
    });
    this.#process = started;
    let errors = "";
    started.stderr.on("data", (data) => {
      errors += data;
    });
    createInterface(started.stdout).on("line", (line) => {
      this.notes.push(JSON.parse(line));
      this.#notify();
    });
    this.ended = new Promise((resolve) =>
      started.on("close", (code) => {
        this.#over = true;
        this.#notify();
        resolve({ code, errors });
      }),
    );
  }

  /** The `nth` such note, which may have come already. */
  async note(name: string, nth = 1): Promise<Note> {
    for (;;) {
      const found = this.notes.filter(({ note }) => note === name)[nth - 1];
      if (found !== undefined) return found;
      if (this.#over) throw new Error(`It ended without ${name}: ${JSON.stringify(await this.ended)}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async stop(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}
