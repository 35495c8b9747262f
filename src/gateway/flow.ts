import type { Session } from "../engineio/session.ts";
import type { Sleep } from "../lib/after.ts";
import type { Clock } from "../lib/clock.ts";

export interface FlowDeps {
  /** Characters that may be on their way to a session before its client has read any of them. */
  readonly window: number;
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/** Between two looks at whether a client has read, in ms. */
const LOOK_MS = 5;

/**
 * Holds back long answers until the client has read what it was sent: what waits in a connection's buffers is in the way
 * of ticks, and in memory. The platform does not tell what a WebSocket has buffered; any client answers a ping.
 */
export class Flow {
  readonly #deps: FlowDeps;
  readonly #session: Session;
  #unread = 0;
  #reading: Promise<void> | undefined;

  constructor(session: Session, deps: FlowDeps) {
    this.#session = session;
    this.#deps = deps;
  }

  /** So much has been sent; resolves when more may be, or when the session is closed. */
  async sent(chars: number): Promise<void> {
    this.#unread += chars;
    if (this.#unread >= this.#deps.window) this.#reading ??= this.#read();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { clock, sleep } = this.#deps;
    while (clock() <= this.#session.aliveAt) await sleep(1);
    const isRead = this.#session.probe();
    this.#unread = 0;
    while (!isRead()) await sleep(LOOK_MS);
    this.#reading = undefined;
  }
}
