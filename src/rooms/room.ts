import type { After, Sleep } from "../lib/after.ts";
import type { Clock } from "../lib/clock.ts";
import { hashOf } from "../lib/hash.ts";
import { encodeEventBody } from "../socketio/encode.ts";
import { Coalescing } from "./coalescing.ts";
import type { LoggedEvent } from "./event-log.ts";
import { FanOut, type FanOutDeps } from "./fan-out.ts";
import type {
  Connected,
  ConnectRequest,
  Joined,
  Member,
  MembershipAnswer,
  MembershipOp,
  Publication,
  PublishOutcome,
  RoomStats,
} from "./protocol.ts";
import { type Kept, Retention, type RetentionDeps, type RoomAlarm } from "./retention.ts";
import { SessionSubscriberStore } from "./subscriber-store.ts";
import { type SubscriberRow, type SubscriberStore, Subscribers } from "./subscribers.ts";

export interface RoomDeps extends Kept {
  /** The room's name, `user:<id>` or `market:<SYMBOL>`. */
  readonly name: string;
  /** Names this life of the room: sequence numbers of frames compare within one epoch only. */
  readonly epoch: number;
  readonly store: SubscriberStore;
  /** Makes all that `run` stores, or nothing of it, durable. */
  readonly transaction: <T>(run: () => T) => T;
  readonly alarms: RetentionDeps["alarms"];
  readonly deliver: FanOutDeps["deliver"];
  readonly relay: FanOutDeps["relay"];
  readonly onLost: FanOutDeps["onLost"];
  readonly onConflated: FanOutDeps["onConflated"];
  /** A socket has come back: its gateway is to end the connection it lived on before. */
  readonly supersede: (gateway: string, socketId: string, connection: number) => void;
  /** Above this many subscribers presence is not sent (ROOM-4). */
  readonly presenceLimit: number;
  /** Gateways that a market room sends to directly (FAN-3). */
  readonly fanOutWidth: number;
  /** How long, in ms, a market room gathers events after it has sent some (FAN-4). */
  readonly coalesceMs: number;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly after: After;
}

/** How long a market's state that was changed by what has no id may be in memory only; its timer keeps the object there. */
const SAVE_MARKET_MS = 1_000;

/**
 * Whether the changes are stored as one record, before any is in memory: those of a socket that is new. Each connection is
 * one, and a transaction costs as much as the record.
 */
const storesOnce = ([op, ...others]: readonly MembershipOp[]): boolean =>
  op?.op === "connect" && op.resume === undefined && others.length === 0;

/** A room's subscribers and history. It talks to gateways, never to sockets. */
export class RoomCore {
  readonly #deps: RoomDeps;
  readonly #subscribers: Subscribers;
  readonly #fanOut: FanOut;
  /** Connections of sockets that this update has recovered from them. */
  readonly #superseded: SubscriberRow[] = [];
  readonly #retention: Retention;
  readonly #coalescing: Coalescing;
  readonly #counts = { published: 0, conflated: 0, lost: 0 };

  constructor(deps: RoomDeps) {
    this.#deps = deps;
    const { name, store, recovery } = deps;
    this.#subscribers = new Subscribers(
      recovery === undefined ? store : new SessionSubscriberStore(name, recovery.sessions, store),
    );
    this.#fanOut = new FanOut({
      ...deps,
      subscribers: this.#subscribers,
      // A personal room has what must not be lost, and never that many gateways.
      width: deps.market === undefined ? Number.POSITIVE_INFINITY : deps.fanOutWidth,
      turnOffsetMs: hashOf(name),
      onEmpty: (gateway) => this.update(gateway, [{ op: "sync", members: [] }]),
      onLost: (gateways, frames, error) => {
        this.#counts.lost += gateways.length * frames;
        deps.onLost(gateways, frames, error);
      },
      onConflated: (frames) => {
        this.#counts.conflated += frames;
        deps.onConflated(frames);
      },
    });
    this.#coalescing = new Coalescing(deps.market === undefined ? 0 : deps.coalesceMs, deps, () =>
      this.#fanOut.flush(),
    );
    this.#retention = new Retention({ ...deps, firstLogged: () => this.#fanOut.firstLogged });
    // The object's last life may have ended before these were delivered; sockets that have had them get them once.
    if (deps.alarms.at("settle") === undefined) return;
    for (const event of deps.recovery?.log.unsettled() ?? []) this.#pushLogged(event);
    this.#fanOut.flush();
  }

  get stats(): Omit<RoomStats, "links"> {
    return {
      subscribers: this.#subscribers.size,
      gateways: this.#subscribers.gateways.length,
      ...this.#counts,
      waiting: this.#fanOut.waiting,
    };
  }

  /** Applies a gateway's changes in order; see `RoomRpc.update`. */
  update(gateway: string, ops: readonly MembershipOp[]): MembershipAnswer[] {
    this.#fanOut.changing(gateway);
    const apply = () => ops.map((op) => this.#apply(gateway, op));
    const answers = storesOnce(ops) ? apply() : this.#deps.transaction(apply);
    for (const row of this.#superseded.splice(0)) {
      this.#deps.supersede(row.gateway, row.socketId, row.connection);
    }
    this.#coalescing.flush();
    this.#trimDeserted();
    return answers;
  }

  /** Accepts events in order; see `RoomRpc.publish`. */
  publish(publications: readonly Publication[]): PublishOutcome[] {
    const { recovery, transaction } = this.#deps;
    const accepted: { publication: Publication; event: LoggedEvent | undefined }[] = [];
    const stores = recovery !== undefined || publications.some(({ id }) => id !== undefined);
    const full = recovery !== undefined && this.#fanOut.full;
    const accept = (): PublishOutcome[] => {
      let overloaded = false;
      const outcomes = publications.map((publication): PublishOutcome => {
        overloaded ||= full && publication.delivery === "durable";
        if (overloaded) return "overloaded";
        if (!this.#isNew(publication)) return "duplicate";
        accepted.push({ publication, event: this.#log(publication) });
        return "accepted";
      });
      this.#keepState(accepted.map(({ publication }) => publication));
      return outcomes;
    };
    // Nothing is handed on before all is stored: what is rolled back has not been accepted. Where nothing is, calls to
    // gateways wait for no storage.
    const outcomes = stores ? transaction(accept) : accept();
    for (const { publication, event } of accepted) {
      if (event !== undefined) this.#pushLogged(event);
      else this.#push(publication);
    }
    this.#counts.published += accepted.length;
    this.#coalescing.flush();
    this.#retention.trimFull();
    this.#trimDeserted();
    return outcomes;
  }

  /** Does what is due, and returns when to do it again (ms since the epoch), if ever. */
  alarm(name: RoomAlarm): number | undefined {
    const now = this.#deps.clock();
    switch (name) {
      case "settle":
        return this.#retention.settle(now);
      case "trim":
        return this.#deps.transaction(() => this.#retention.trim(now));
      default:
        return name satisfies never;
    }
  }

  /** Whether nothing would be lost with all that is stored: of a personal room whose user is gone. */
  get empty(): boolean {
    return (
      this.#deps.recovery !== undefined &&
      this.#subscribers.size === 0 &&
      this.#retention.oldestAt === undefined
    );
  }

  #apply(gateway: string, op: MembershipOp): MembershipAnswer {
    switch (op.op) {
      case "join":
        return this.#join(gateway, op, op.snapshot);
      case "leave":
        this.#leave(gateway, op.socketId, op.connection, op.final);
        return undefined;
      case "sync":
        this.#sync(gateway, op.members);
        return undefined;
      case "connect":
        return this.#connect(gateway, op.userId, op);
      case "subscriptions":
        this.#deps.recovery?.sessions.subscriptions(op.socketId, op.connection, op.symbols);
        return undefined;
      default:
        return op satisfies never;
    }
  }

  #connect(gateway: string, userId: string, request: ConnectRequest): Connected {
    const { recovery, clock } = this.#deps;
    if (recovery === undefined) throw new Error("A socket connects to its personal room.");
    const { session, missed } = recovery.connect(gateway, request, clock());
    const { pid, socketId, connection, symbols } = session;
    const before = this.#subscribers.get(socketId);
    if (before !== undefined && before.connection < connection) this.#superseded.push(before);
    return {
      ...this.#join(gateway, { socketId, userId, connection }),
      recovered: missed !== undefined,
      ...{ pid, socketId, connection, symbols },
      missed: missed?.map(({ body }) => body) ?? [],
      logged: recovery.log.last,
    };
  }

  #join(gateway: string, { socketId, userId, connection }: Member, snapshot = false): Joined {
    const change = this.#subscribers.add({ gateway, socketId, userId, connection });
    // Whose older connection is spoken of is elsewhere.
    if (this.#subscribers.socketsOf(gateway).size > 0) this.#fanOut.came(gateway);
    // A socket that has come here may have been another gateway's last.
    this.#forgetEmptied();
    if (change === "user") this.#presence("user_joined_room", userId, this.#subscribers.size);
    // The position is taken after the presence event, so the socket does not hear of itself.
    return {
      subscriberCount: this.#subscribers.size,
      epoch: this.#deps.epoch,
      seq: this.#fanOut.seq,
      ...(snapshot && { snapshot: this.#deps.market?.bodies ?? [] }),
    };
  }

  #leave(gateway: string, socketId: string, connection: number, final = false): void {
    const { recovery, clock } = this.#deps;
    const { size } = this.#subscribers;
    const userId = this.#subscribers.get(socketId)?.userId;
    const change = this.#subscribers.remove(gateway, socketId, connection);
    if (change === "none") return;
    this.#forgetEmptied();
    if (change === "user" && userId !== undefined) this.#presence("user_left_room", userId, size);
    if (recovery === undefined) return;
    recovery.sessions.left(socketId, clock(), final);
    this.#retention.trimLater();
    this.#retention.trimFull();
  }

  #forgetEmptied(): void {
    for (const gateway of this.#subscribers.takeEmptied()) this.#fanOut.left(gateway);
  }

  #sync(gateway: string, members: readonly Member[]): void {
    const live = new Set(members.map(({ socketId, connection }) => `${socketId} ${connection}`));
    for (const member of members) this.#join(gateway, member);
    for (const socketId of [...this.#subscribers.socketsOf(gateway)]) {
      // Of a socket that is there on an older connection, the newer one has been lost with the room's answer to it.
      const connection = this.#subscribers.get(socketId)?.connection ?? 0;
      if (!live.has(`${socketId} ${connection}`)) this.#leave(gateway, socketId, connection);
    }
  }

  /** `size` is the room's with the user in it: who came unannounced leaves unannounced. */
  #presence(event: "user_joined_room" | "user_left_room", userId: string, size: number): void {
    const { name, presenceLimit, clock } = this.#deps;
    if (size > presenceLimit) return;
    const at = event === "user_joined_room" ? "joinedAt" : "leftAt";
    const body = encodeEventBody(event, [{ userId, room: name, [at]: clock() }]);
    this.#push({ body, delivery: "transient" });
  }

  #isNew({ id }: Publication): boolean {
    if (id === undefined) return true;
    this.#retention.trimLater();
    return this.#deps.ids.add(id, this.#deps.clock());
  }

  /** Logs a durable event of a personal room. */
  #log({ body, delivery, socketId }: Publication): LoggedEvent | undefined {
    const { recovery, clock } = this.#deps;
    if (recovery === undefined || delivery !== "durable") return undefined;
    if (this.#subscribers.size > 0) this.#retention.unsettle();
    this.#retention.trimLater();
    return recovery.log.append(body, socketId, clock());
  }

  /** What has an id will not be published again: the state it tells is stored together with the id. */
  #keepState(accepted: readonly Publication[]): void {
    const { market, transaction, after } = this.#deps;
    if (market === undefined) return;
    const save = (): void => {
      market.save();
      this.#retention.trimLater();
    };
    const saving = market.add(accepted);
    if (saving === "now") save();
    else if (saving === "later") after(SAVE_MARKET_MS, () => transaction(save));
  }

  #push({ body, socketId, ...waiting }: Omit<Publication, "id" | "snapshot" | "bar">): void {
    this.#fanOut.push({ body, ...(socketId !== undefined && { socketId }) }, waiting);
  }

  #pushLogged({ seq, body, socketId }: LoggedEvent): void {
    this.#fanOut.push(
      { body, logged: seq, ...(socketId !== undefined && { socketId }) },
      { delivery: "durable" },
    );
  }

  /** Whatever it is that nobody is here for: it goes, too, in time. */
  #trimDeserted(): void {
    if (this.#deps.recovery !== undefined && this.#subscribers.size === 0) this.#retention.trimLater();
  }
}
