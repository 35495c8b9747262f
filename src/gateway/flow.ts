import type { Session } from "../engineio/session.ts";
import type { Sleep } from "../lib/after.ts";
import type { Clock } from "../lib/clock.ts";

export interface FlowDeps {
  /** Characters that may be on their way to a session before its client has read any of them. */
  readonly window: number;
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/** Between two looks at whether a client has read, in ms: at first, and at last. */
const FIRST_LOOK_MS = 5;
const LAST_LOOK_MS = 80;

/**
 * Holds back what is long, answers and the state of markets, until the client has read what it was sent: what waits in a
 * connection's buffers is in the way of ticks, and in memory. The platform does not tell what a WebSocket has buffered;
 * any client answers a ping.
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

  /** Until when to send nothing more, if a window is full: it resolves too when the session is closed. */
  get full(): Promise<void> | undefined {
    return this.#reading;
  }

  /** So much has been sent. */
  sent(chars: number): void {
    this.#unread += chars;
    if (this.#unread >= this.#deps.window) this.#reading ??= this.#read();
  }

  async #read(): Promise<void> {
    const { clock, sleep } = this.#deps;
    while (clock() <= this.#session.aliveAt) await sleep(1);
    const isRead = this.#session.probe();
    this.#unread = 0;
    for (let look = FIRST_LOOK_MS; !isRead(); look = Math.min(2 * look, LAST_LOOK_MS)) await sleep(look);
    this.#reading = undefined;
  }
}

/** The flow of each session. */
export class Flows {
  readonly #deps: FlowDeps;
  readonly #flows = new WeakMap<Session, Flow>();

  constructor(deps: FlowDeps) {
    this.#deps = deps;
  }

  of(session: Session): Flow {
    let flow = this.#flows.get(session);
    if (flow === undefined) {
      flow = new Flow(session, this.#deps);
      this.#flows.set(session, flow);
    }
    return flow;
  }
}
