import type { After, Sleep } from "../lib/after.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/within.ts";
import { Outbox, type Waiting } from "./outbox.ts";
import type { Frame, Relayed } from "./protocol.ts";
import type { Subscribers } from "./subscribers.ts";

export interface FanOutDeps {
  readonly subscribers: Subscribers;
  /** How many gateways are sent to directly: with more of them, some relay to others (FAN-3). */
  readonly width: number;
  /** Added to the time by which gateways take turns: one is not to relay for all rooms in the same minute. */
  readonly turnOffsetMs: number;
  /** Delivers to one gateway in order; `false` if it holds no socket of the room. */
  readonly deliver: (gateway: string, frames: readonly Frame[]) => Promise<boolean>;
  /** Delivers to one gateway, which passes on to others. */
  readonly relay: (gateway: string, frames: readonly Frame[], others: readonly string[]) => Promise<Relayed>;
  /** The gateway holds no socket of the room, and has been told of none since it was asked. */
  readonly onEmpty: (gateway: string) => void;
  /** Frames that may be lost are, for each of these: they could not be delivered, or too much waits. */
  readonly onLost: (gateways: readonly string[], frames: number, error: unknown) => void;
  /** Under backlog so many frames have given way to newer states, counted for each gateway (MKT-3). */
  readonly onConflated: (frames: number) => void;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly after: After;
}

/** How long a relay may take, in ms, before its gateways are sent to by another way. */
export const RELAY_TIMEOUT_MS = 1_000;

/**
 * How long the same gateway of a lane relays, in ms: none does it for all the others all the time, and calls go the same
 * ways for long enough to go over links (FAN-5).
 */
export const TURN_MS = 60_000;

/** Relays that are tried for a batch; then every gateway is sent to directly. */
const RELAYS = 2;

/** How long a gateway that no relay has reached is sent to directly, in ms. */
const DIRECT_MS = 60_000;

/** Gateways that get the same frames in the same order: if there are several, by one of them as relay. */
interface Lane {
  readonly gateways: Set<string>;
  /** Of the first gateway, and of the others as far as can be. */
  readonly location: string;
  readonly outbox: Outbox;
  /** Until then, ms since the epoch, nothing else is to wait for the lane's gateway. */
  readonly aloneUntil: number;
}

interface Destination {
  lane: Lane;
  /** Another number after every change of the gateway's sockets: an answer from before the last change proves nothing. */
  change: number;
}

/**
 * Numbers a room's frames, and puts each into the outbox of every gateway that it is for (FAN-1). A room with more
 * gateways than it can send to by itself has some of them relay to others (FAN-3).
 */
export class FanOut {
  readonly #deps: FanOutDeps;
  readonly #lanes = new Set<Lane>();
  readonly #destinations = new Map<string, Destination>();
  #seq = 0;
  #change = 0;

  constructor(deps: FanOutDeps) {
    this.#deps = deps;
    for (const gateway of deps.subscribers.gateways) this.came(gateway);
  }

  /** Of the newest frame. */
  get seq(): number {
    return this.#seq;
  }

  push(frame: Omit<Frame, "seq">, { delivery, conflationKey }: Omit<Waiting, "frame">): void {
    const waiting: Waiting = {
      frame: { seq: ++this.#seq, ...frame },
      delivery,
      ...(conflationKey !== undefined && { conflationKey }),
    };
    if (frame.socketId === undefined) {
      for (const { outbox } of this.#lanes) outbox.push(waiting);
      return;
    }
    const gateway = this.#deps.subscribers.get(frame.socketId)?.gateway;
    if (gateway !== undefined) this.#destinations.get(gateway)?.lane.outbox.push(waiting);
  }

  flush(): void {
    for (const { outbox } of this.#lanes) outbox.flush();
  }

  /** The gateway is about to change its sockets in the room. */
  changing(gateway: string): void {
    const destination = this.#destinations.get(gateway);
    if (destination !== undefined) destination.change = ++this.#change;
  }

  /** The gateway has sockets in the room: from now on frames are for it, too. */
  came(gateway: string): void {
    if (this.#destinations.has(gateway)) return;
    const lane =
      (this.#lanes.size < this.#deps.width ? undefined : this.#laneFor(gateway)) ?? this.#open(gateway);
    lane.gateways.add(gateway);
    this.#destinations.set(gateway, { lane, change: ++this.#change });
  }

  /** The gateway has no socket in the room any more: what waits for it alone is for nobody. */
  left(gateway: string): void {
    const lane = this.#destinations.get(gateway)?.lane;
    this.#destinations.delete(gateway);
    if (lane?.gateways.delete(gateway)) this.#closeEmpty(lane);
  }

  /** Whether for some gateway no more durable frames should be added. */
  get full(): boolean {
    return [...this.#lanes].some(({ outbox }) => outbox.full);
  }

  /** Position in the log of the oldest durable frame that has not arrived; infinite if all have. */
  get firstLogged(): number {
    const open = [...this.#lanes].map(({ outbox }) => outbox.firstLogged ?? Number.POSITIVE_INFINITY);
    return Math.min(...open);
  }

  /** Frames that wait, each counted for every gateway it waits for. */
  get waiting(): number {
    return [...this.#lanes].reduce(
      (sum, { gateways, outbox }) => sum + gateways.size * outbox.waiting.length,
      0,
    );
  }

  #open(gateway: string, aloneUntil = 0): Lane {
    const { onConflated, onLost, clock, sleep } = this.#deps;
    const gateways = new Set<string>();
    const lane: Lane = {
      gateways,
      location: locationOf(gateway),
      outbox: new Outbox({
        deliver: (batch) => this.#send(lane, batch),
        onIdle: () => this.#idle(lane),
        // What was for gateways that have left is not missed.
        onLost: (frames, error) => gateways.size > 0 && onLost([...gateways], frames, error),
        onConflated: (frames) => onConflated(frames * gateways.size),
        clock,
        sleep,
      }),
      aloneUntil,
    };
    this.#lanes.add(lane);
    return lane;
  }

  #closeEmpty(lane: Lane): void {
    if (lane.gateways.size > 0) return;
    this.#lanes.delete(lane);
    lane.outbox.clear();
  }

  /**
   * Of the lanes that may have another gateway the one with the fewest, or one of the gateway's own location that does not
   * have many more: a relay that is near costs one long way for all of them.
   */
  #laneFor(gateway: string, except?: Lane): Lane | undefined {
    const now = this.#deps.clock();
    const location = locationOf(gateway);
    let roomiest: Lane | undefined;
    let near: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane === except || lane.aloneUntil > now) continue;
      const { size } = lane.gateways;
      if (size < (roomiest?.gateways.size ?? Number.POSITIVE_INFINITY)) roomiest = lane;
      const isNear = lane.location === location && size < (near?.gateways.size ?? Number.POSITIVE_INFINITY);
      if (isNear) near = lane;
    }
    if (near === undefined || roomiest === undefined) return roomiest;
    return near.gateways.size <= 2 * roomiest.gateways.size ? near : roomiest;
  }

  /** @throws if the lane's only gateway cannot be reached */
  async #send(lane: Lane, batch: readonly Waiting[]): Promise<void> {
    const asked = [...lane.gateways].map((gateway) => ({ gateway, change: this.#changeOf(gateway) }));
    const empty = new Set(await this.#reach(lane, batch));
    for (const { gateway, change } of asked) {
      if (empty.has(gateway) && change === this.#changeOf(gateway)) this.#deps.onEmpty(gateway);
    }
  }

  #changeOf(gateway: string): number | undefined {
    return this.#destinations.get(gateway)?.change;
  }

  /** Delivers to all gateways of a lane. Resolves with those that hold no socket of the room. */
  async #reach(lane: Lane, batch: readonly Waiting[]): Promise<readonly string[]> {
    const { deliver, relay, after, clock, turnOffsetMs } = this.#deps;
    const frames = batch.map(({ frame }) => frame);
    for (let relays = 0; relays < RELAYS && lane.gateways.size > 1; relays++) {
      const gateways = [...lane.gateways];
      const turn = Math.floor((clock() + turnOffsetMs) / TURN_MS);
      const [first = ""] = gateways.splice(turn % gateways.length, 1);
      const relayed = await within(RELAY_TIMEOUT_MS, relay(first, frames, gateways), after).catch(
        () => undefined,
      );
      // Whom a relay that failed has passed the batch on to is unknown: they get it again, and skip it.
      for (const gateway of relayed?.unreached ?? [first]) this.#separate(gateway, lane, batch);
      if (relayed !== undefined) return relayed.empty;
    }
    const [last, ...others] = lane.gateways;
    for (const gateway of others) this.#separate(gateway, lane, batch);
    // All may have left.
    return last === undefined || (await deliver(last, frames)) ? [] : [last];
  }

  /** Gives a gateway that no relay has reached a lane of its own, with the batch and all that waits. */
  #separate(gateway: string, lane: Lane, batch: readonly Waiting[]): void {
    // It may have left meanwhile.
    if (!lane.gateways.has(gateway)) return;
    const own = this.#open(gateway, this.#deps.clock() + DIRECT_MS);
    for (const waiting of [...batch, ...lane.outbox.waiting]) own.outbox.push(waiting);
    this.#move(gateway, own);
    own.outbox.flush();
  }

  /** What a gateway is to get has not changed, only how: what it has said of its sockets still holds. */
  #move(gateway: string, lane: Lane): void {
    const destination = this.#destinations.get(gateway);
    if (destination === undefined) return;
    const { lane: before } = destination;
    destination.lane = lane;
    lane.gateways.add(gateway);
    before.gateways.delete(gateway);
    this.#closeEmpty(before);
  }

  /** Nothing is on its way to a lane's gateways: if nothing waits either, they may change lanes. */
  #idle(lane: Lane): void {
    const { width, clock } = this.#deps;
    const { gateways, aloneUntil, outbox } = lane;
    if (outbox.waiting.length > 0) return;
    for (const gateway of gateways) {
      // The room has become small enough to do without relays.
      if (gateways.size > 1 && this.#lanes.size < width) this.#move(gateway, this.#open(gateway));
    }
    if (this.#lanes.size <= width || aloneUntil > clock() || !this.#lanes.has(lane)) return;
    for (const gateway of gateways) {
      const other = this.#laneFor(gateway, lane);
      if (other !== undefined) this.#move(gateway, other);
    }
  }
}

/** Gateways are named `<location>-<number>`. */
const locationOf = (gateway: string): string => gateway.slice(0, Math.max(0, gateway.lastIndexOf("-")));
