import type { Sleep } from "../lib/after.ts";
import { Outbox, type Waiting } from "./outbox.ts";
import type { Frame } from "./protocol.ts";
import type { Subscribers } from "./subscribers.ts";

export interface FanOutDeps {
  readonly subscribers: Subscribers;
  /** Delivers to one gateway; see `OutboxDeps`. */
  readonly deliver: (gateway: string, frames: readonly Frame[]) => Promise<boolean>;
  /** The gateway holds no socket of the room. */
  readonly onEmpty: (gateway: string) => void;
  readonly onLost: (gateway: string, frames: number, error: unknown) => void;
  readonly sleep: Sleep;
}

/** Numbers a room's frames, and puts each into the outbox of every gateway that it is for (FAN-1). */
export class FanOut {
  readonly #deps: FanOutDeps;
  readonly #outboxes = new Map<string, Outbox>();
  #seq = 0;

  constructor(deps: FanOutDeps) {
    this.#deps = deps;
  }

  /** Of the newest frame. */
  get seq(): number {
    return this.#seq;
  }

  push(frame: Omit<Frame, "seq">, delivery: Waiting["delivery"]): void {
    const { subscribers } = this.#deps;
    const waiting = { frame: { seq: ++this.#seq, ...frame }, delivery };
    if (frame.socketId === undefined) {
      for (const gateway of subscribers.gateways()) this.#outbox(gateway).push(waiting);
      return;
    }
    const gateway = subscribers.get(frame.socketId)?.gateway;
    if (gateway !== undefined) this.#outbox(gateway).push(waiting);
  }

  flush(): void {
    for (const outbox of this.#outboxes.values()) outbox.flush();
  }

  /** The gateway is about to change its sockets in the room. */
  changing(gateway: string): void {
    this.#outbox(gateway).changed();
  }

  /** Sockets have changed: what waits for gateways that have none any more is for nobody. */
  clearEmpty(): void {
    for (const [gateway, outbox] of [...this.#outboxes]) {
      if (this.#deps.subscribers.socketsOf(gateway).size > 0) continue;
      outbox.clear();
      this.#forgetIdle(gateway);
    }
  }

  /** Whether for some gateway no more durable frames should be added. */
  get full(): boolean {
    return [...this.#outboxes.values()].some((outbox) => outbox.full);
  }

  /** Position in the log of the oldest durable frame that has not arrived; infinite if all have. */
  get firstLogged(): number {
    const open = [...this.#outboxes.values()].map(
      ({ firstLogged = Number.POSITIVE_INFINITY }) => firstLogged,
    );
    return Math.min(...open);
  }

  /** An outbox is kept while a batch is on its way, so that a gateway that returns gets no second one. */
  #forgetIdle(gateway: string): void {
    if (this.#deps.subscribers.socketsOf(gateway).size > 0) return;
    if (this.#outboxes.get(gateway)?.idle) this.#outboxes.delete(gateway);
  }

  #outbox(gateway: string): Outbox {
    let outbox = this.#outboxes.get(gateway);
    if (outbox === undefined) {
      outbox = new Outbox({
        deliver: (frames) => this.#deps.deliver(gateway, frames),
        onEmpty: () => this.#deps.onEmpty(gateway),
        onIdle: () => this.#forgetIdle(gateway),
        onLost: (frames, error) => this.#deps.onLost(gateway, frames, error),
        sleep: this.#deps.sleep,
      });
      this.#outboxes.set(gateway, outbox);
    }
    return outbox;
  }
}
