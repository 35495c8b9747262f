import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { installed } from "./debian.ts";

/** Debian's own, which has Debian's packages. */
const PYTHON = "/usr/bin/python3";

/** Whether python-socketio can be used. */
export const pythonClientAvailable = (): Promise<boolean> =>
  installed(
    "Python's Socket.IO client",
    ["python3-socketio", "python3-requests", "python3-websocket", "python3-aiohttp"],
    [PYTHON, "-c", "import aiohttp, requests, socketio, websocket"],
  );

interface Said {
  readonly event: string;
  readonly payload: unknown;
}

/** A stock python-socketio client in a process of its own. */
export class PythonClient {
  /** All it has said, in order. */
  readonly said: Said[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #errors = "";
  #wake: (() => void)[] = [];
  #over = false;

  constructor(script: "sync_client" | "async_client", url: string, token: string, transports: string) {
    const file = path.join(import.meta.dirname, "python", `${script}.py`);
    const started = spawn(PYTHON, [file, url, token, transports], { stdio: "pipe" });
    this.#process = started;
    started.stderr.on("data", (data) => {
      this.#errors += data;
    });
    createInterface(started.stdout).on("line", (line) => {
      this.said.push(JSON.parse(line));
      this.#notify();
    });
    this.#ended = new Promise((resolve) =>
      started.on("close", () => {
        this.#over = true;
        this.#notify();
        resolve();
      }),
    );
  }

  emit(event: string, payload: unknown = null): void {
    this.#process.stdin?.write(`${JSON.stringify([event, payload])}\n`);
  }

  /** The payload of the `nth` such event, which may have come already. */
  async event(event: string, nth = 1): Promise<unknown> {
    for (;;) {
      const found = this.said.filter((said) => said.event === event)[nth - 1];
      if (found !== undefined) return found.payload;
      if (this.#over) throw new Error(`It ended without ${event}. It said: ${this.#errors}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  payloads(event: string): unknown[] {
    return this.said.filter((said) => said.event === event).map(({ payload }) => payload);
  }

  /** Disconnects; resolves when its process has ended. */
  async leave(): Promise<void> {
    this.#process.stdin?.end();
    await this.#ended;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}
