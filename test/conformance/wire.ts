import { setTimeout } from "node:timers/promises";

/** An Engine.IO packet as WebSocket carries it: text with its type character, or the bytes of a message. */
export type Packet = string | Uint8Array;

export interface Open {
  readonly sid: string;
  readonly upgrades: readonly string[];
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly maxPayload: number;
}

/** A session over whichever transport. Pings are answered unless the test says otherwise. */
export interface Wire {
  /** Pings so far. */
  readonly pings: number;
  /** Resolves when the server has ended the session. */
  readonly closed: Promise<unknown>;
  /** Sends packets in order: as one payload, or a frame each. */
  send(...packets: Packet[]): void;
  /** The next packet that is neither `ping` nor `noop`. */
  receive(): Promise<Packet>;
  /** Leaves, if the session is not over yet. */
  close(): void;
}

export interface WireOptions {
  readonly answersPings?: boolean;
}

/** How long what must come may take; only a failing test waits that long. */
export const PATIENCE_MS = 10_000;

export const within = async <T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> => {
  const settled = new AbortController();
  const late = setTimeout(ms, undefined, { signal: settled.signal }).then(() => {
    throw new Error(`Waited ${ms} ms for ${what}`);
  });
  // Aborted when the promise came first.
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    settled.abort();
  }
};

/** Asks again until the answer is as it should be; returns it. */
export const eventually = async <T>(ask: () => Promise<T>, accept: (answer: T) => boolean): Promise<T> => {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (accept(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`The answer is still ${JSON.stringify(answer)}`);
    await setTimeout(10);
  }
};

/** What has come and no one has taken yet. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #ended: string | undefined;
  #wake = (): void => {};

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  /** Nothing more will come. */
  end(why: string): void {
    this.#ended ??= why;
    this.#wake();
  }

  async next(): Promise<T> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return item;
      if (this.#ended !== undefined) throw new Error(`The server ended the session: ${this.#ended}`);
      await within(
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
        "a packet",
      );
    }
  }
}

export const parseOpen = (packet: Packet): Open => {
  if (typeof packet !== "string" || !packet.startsWith("0")) throw new Error(`Not an OPEN packet: ${packet}`);
  return JSON.parse(packet.slice(1)) as Open;
};
