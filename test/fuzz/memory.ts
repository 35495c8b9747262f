import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import WebSocket from "ws";

export interface Memory {
  /** Bytes of the isolate's JavaScript objects that are reachable, and of the buffers they hold. */
  readonly heap: number;
  /** Bytes of workerd in RAM; 0 where there is no /proc. */
  readonly rss: number;
}

interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize?: number;
}

/** Measures the isolate that runs the Worker, its gateways and its rooms, through workerd's inspector. */
export class MemoryMeter {
  readonly #inspector: WebSocket;
  readonly #answers = new Map<number, (result: unknown) => void>();
  #calls = 0;

  private constructor(inspector: WebSocket) {
    this.#inspector = inspector;
    inspector.on("message", (data) => {
      const { id, result } = JSON.parse(data.toString()) as { id?: number; result?: unknown };
      if (id === undefined) return;
      this.#answers.get(id)?.(result);
      this.#answers.delete(id);
    });
  }

  /** The isolate must have answered a request: the inspector of one that never ran does not answer. */
  static async connect(url: URL): Promise<MemoryMeter> {
    const inspector = new WebSocket(url);
    await new Promise((resolve, reject) => inspector.once("open", resolve).once("error", reject));
    return new MemoryMeter(inspector);
  }

  async measure(): Promise<Memory> {
    // The inspector itself keeps the last 1,000 lines that the Worker logged.
    await this.#call("Runtime.discardConsoleEntries");
    await this.#call("HeapProfiler.collectGarbage");
    const { usedSize, backingStorageSize = 0 } = (await this.#call("Runtime.getHeapUsage")) as HeapUsage;
    return { heap: usedSize + backingStorageSize, rss: workerdRss() };
  }

  /** Measures until the heap is no larger than `limit`, or `patienceMs` have passed; returns the least of the heap. */
  async settle(limit: number, patienceMs: number): Promise<Memory> {
    const deadline = Date.now() + patienceMs;
    let least = Number.POSITIVE_INFINITY;
    for (;;) {
      const { heap, rss } = await this.measure();
      least = Math.min(least, heap);
      if (heap <= limit || Date.now() >= deadline) return { heap: least, rss };
      await setTimeout(500);
    }
  }

  close(): void {
    this.#inspector.terminate();
  }

  #call(method: string): Promise<unknown> {
    const id = ++this.#calls;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#inspector.send(JSON.stringify({ id, method }));
    });
  }
}

/** The resident memory of the workerd that this process started, in bytes. */
const workerdRss = (): number => {
  let rss = 0;
  for (const pid of processes()) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (!status.startsWith("Name:\tworkerd\n") || !status.includes(`\nPPid:\t${process.pid}\n`)) continue;
      rss += Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
    } catch {
      // It has ended meanwhile.
    }
  }
  return rss;
};

const processes = (): string[] => {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
};
