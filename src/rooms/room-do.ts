import { DurableObject } from "cloudflare:workers";
import { configOf, type Env } from "../env.ts";
import type { Bar } from "../events/bar.ts";
import { parseRoom } from "../events/rooms.ts";
import { after, sleep } from "../lib/after.ts";
import { Alarms } from "../lib/alarms.ts";
import { describeError, log } from "../lib/log.ts";
import { randomToken } from "../lib/random.ts";
import { err, type Result } from "../lib/result.ts";
import { callRetrying } from "../lib/rpc.ts";
import { CandleReader, noBars } from "./candle-reader.ts";
import { RELAY_TIMEOUT_MS } from "./fan-out.ts";
import { Links } from "./links.ts";
import { MarketState } from "./market-state.ts";
import type {
  CandleRefusal,
  CandleRequest,
  MembershipAnswer,
  MembershipOp,
  Publication,
  PublishOutcome,
  RoomRpc,
  RoomStats,
} from "./protocol.ts";
import { PublishedIds } from "./published-ids.ts";
import { Recovery } from "./recovery.ts";
import type { RoomAlarm } from "./retention.ts";
import { RoomCore } from "./room.ts";
import { SqlSubscriberStore } from "./subscriber-store.ts";

const LOG_EPOCH_LENGTH = 8;

/** Key of the epoch of the room's present life. */
const EPOCH_KEY = "epoch";

/** How late the platform may run an alarm, and with it notice that a connection is gone. */
const ALARM_SLACK_MS = 60_000;

/** Between two log lines on conflation, in ms. */
const CONFLATED_REPORT_MS = 10_000;

/** Of a room that nobody has used. */
const UNUSED: RoomStats = {
  subscribers: 0,
  gateways: 0,
  published: 0,
  conflated: 0,
  lost: 0,
  waiting: 0,
  links: 0,
};

interface Opened {
  readonly core: RoomCore;
  readonly alarms: Alarms<RoomAlarm>;
  readonly links: Links;
  /** Of market rooms. */
  readonly candles: CandleReader | undefined;
}

/** One room. Named `user:<id>` or `market:<SYMBOL>`; see docs/architecture.md. */
export class Room extends DurableObject<Env> implements RoomRpc {
  readonly #name: string;
  #opened: Opened | undefined;
  /** Conflated frames that no log line has told of yet. */
  #unreported = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    if (ctx.id.name === undefined) throw new Error("A room is addressed by name.");
    this.#name = ctx.id.name;
    // A room that has never been used stays so until something comes that it is to keep.
    if (ctx.storage.kv.get(EPOCH_KEY) !== undefined) this.#opened = this.#open();
  }

  async update(gateway: string, ops: readonly MembershipOp[]): Promise<MembershipAnswer[]> {
    return this.#room.core.update(gateway, ops);
  }

  async publish(publications: readonly Publication[]): Promise<PublishOutcome[]> {
    return this.#room.core.publish(publications);
  }

  async candles(request: CandleRequest): Promise<Result<Bar[], CandleRefusal>> {
    // Asking opens no room.
    const { candles } = this.#opened ?? {};
    return candles === undefined ? err(noBars(this.#name)) : candles.read(request);
  }

  async stats(): Promise<RoomStats> {
    // Asking opens no room.
    if (this.#opened === undefined) return UNUSED;
    const { core, links } = this.#opened;
    return { ...core.stats, links: links.open };
  }

  override async alarm(): Promise<void> {
    const { core, alarms } = this.#room;
    await alarms.run(
      Date.now(),
      (name) => core.alarm(name),
      (name, error) =>
        log("error", "alarm_failed", { room: this.#name, alarm: name, error: describeError(error) }),
    );
    if (!core.empty) return;
    // A user who has gone costs nothing. Whoever comes next finds a new room.
    this.#opened = undefined;
    await this.ctx.storage.deleteAll();
  }

  get #room(): Opened {
    this.#opened ??= this.#open();
    return this.#opened;
  }

  #open(): Opened {
    const { ctx, env } = this;
    const { storage } = ctx;
    const { sql } = storage;
    const config = configOf(env);
    const name = this.#name;
    const windowMs = config.RECOVERY_WINDOW_S * 1_000;
    const options = {
      windowMs,
      maxEvents: config.RECOVERY_MAX_EVENTS,
      heartbeatMs: config.PING_INTERVAL + config.PING_TIMEOUT + ALARM_SLACK_MS,
    };
    const gateway = (name: string) => env.GATEWAYS.getByName(name);
    const links = new Links({ gateway, clock: Date.now, after });
    const alarms = new Alarms<RoomAlarm>(storage, Date.now());
    // Later lives of the room have later epochs, also on a machine whose clock is behind.
    const epoch = Math.max(Date.now(), (storage.kv.get<number>(EPOCH_KEY) ?? 0) + 1);
    storage.kv.put(EPOCH_KEY, epoch);
    const room = parseRoom(name);
    const market =
      room?.kind === "market"
        ? new MarketState(sql, room.symbol, config.BARS_RETENTION_S * 1_000)
        : undefined;
    const core = new RoomCore({
      name,
      epoch,
      store: new SqlSubscriberStore(sql),
      ids: new PublishedIds(sql),
      ...(market === undefined
        ? { recovery: new Recovery(storage, randomToken(LOG_EPOCH_LENGTH), options) }
        : { market }),
      transaction: (run) => this.#transaction(run),
      alarms,
      deliver: (to, frames) => links.call(to, (rpc) => rpc.deliver(name, epoch, frames)),
      relay: (to, frames, others) =>
        links.call(to, (rpc) => rpc.relay(name, epoch, frames, others), RELAY_TIMEOUT_MS),
      onLost: ([gateway, ...others], frames, error) =>
        log("error", "frames_lost", {
          ...{ room: name, gateway, others: others.length, frames },
          error: describeError(error),
        }),
      onConflated: (frames) => this.#conflated(frames),
      supersede: (from, socketId, connection) => {
        // At worst the ping timeout ends that connection.
        callRetrying(() => gateway(from).supersede(name, socketId, connection), sleep).catch((error) =>
          log("warn", "supersede_failed", { room: name, gateway: from, error: describeError(error) }),
        );
      },
      presenceLimit: config.PRESENCE_LIMIT,
      fanOutWidth: config.FANOUT_WIDTH,
      coalesceMs: config.MARKET_COALESCE_MS,
      windowMs,
      clock: Date.now,
      sleep,
      after,
    });
    const candles =
      market && new CandleReader({ bars: market.bars, room: name, clock: Date.now, pause: () => sleep(0) });
    return { core, alarms, links, candles };
  }

  /** A backlog has many batches: one line tells of those of some seconds. */
  #conflated(frames: number): void {
    this.#unreported += frames;
    if (this.#unreported > frames) return;
    after(CONFLATED_REPORT_MS, () => {
      log("warn", "market_conflated", { room: this.#name, frames: this.#unreported });
      this.#unreported = 0;
    });
  }

  #transaction<T>(run: () => T): T {
    try {
      return this.ctx.storage.transactionSync(run);
    } catch (error) {
      // What is in memory says more than what is stored: only a new life can be trusted.
      log("error", "room_storage_failed", { room: this.#name, error: describeError(error) });
      this.ctx.abort(describeError(error));
      throw error;
    }
  }
}
