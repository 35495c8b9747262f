import { earliest } from "../lib/earliest.ts";
import type { Kv } from "../lib/kv.ts";
import type { Sql } from "../lib/sql.ts";
import { EventLog, type LoggedEvent } from "./event-log.ts";
import type { ConnectRequest, Resume } from "./protocol.ts";
import { type RecoverableSession, Sessions } from "./sessions.ts";

/** The part of `DurableObjectStorage` that recovery needs. */
export interface RecoveryStorage {
  readonly sql: Sql;
  readonly kv: Kv;
}

export interface RecoveryOptions {
  /** How long events, and sessions whose connection has ended, are kept. */
  readonly windowMs: number;
  /** At least so many of the newest events are kept within the window. */
  readonly maxEvents: number;
  /** How long a connection may be there after it has ceased to carry anything. */
  readonly heartbeatMs: number;
}

/**
 * What a recovered socket may have missed, in characters: it is sent in one go, together with the state of its markets,
 * and more than 8,000,000 that wait would end a polling session. An event costs some more than its text.
 */
const MAX_MISSED_CHARS = 1_500_000;
const EVENT_COST = 64;

/** Connection state recovery (USER-2): what a personal room keeps of its events and of its user's sockets. */
export class Recovery {
  readonly log: EventLog;
  readonly sessions: Sessions;
  readonly #options: RecoveryOptions;

  /** `epoch` names the log if it is new. */
  constructor({ sql, kv }: RecoveryStorage, epoch: string, options: RecoveryOptions) {
    this.log = new EventLog(sql, epoch);
    this.sessions = new Sessions(kv);
    this.#options = options;
  }

  /** A socket comes to a gateway: the session it recovers and the events it has missed, or a new one. */
  connect(
    gateway: string,
    request: ConnectRequest,
    now: number,
  ): { session: RecoverableSession; missed?: LoggedEvent[] } {
    const { socketId, pid, resume } = request;
    const recovered = resume && this.#recover(gateway, resume, now);
    if (recovered !== undefined) return recovered;
    const { last } = this.log;
    const session = { pid, socketId, connection: 1, symbols: [], base: last, leftAt: undefined, gateway };
    this.sessions.put(session);
    return { session };
  }

  /** Removes what is too old or too much, `now` in ms since the epoch, but nothing that is not `settled`. */
  trim(now: number, settled = this.log.last): void {
    const { windowMs, maxEvents, heartbeatMs } = this.#options;
    const since = now - Math.max(windowMs, heartbeatMs);
    this.sessions.advance(Math.min(this.log.lastBefore(since), settled));
    this.log.trim(since, maxEvents, settled);
    this.sessions.trim(now - windowMs);
  }

  /** Whether there is so much that trimming should not wait for it to grow old. */
  get full(): boolean {
    const { last, trimmed } = this.log;
    return last - trimmed >= 2 * this.#options.maxEvents || this.sessions.full;
  }

  /** When the oldest of what is kept was last of use, ms since the epoch. */
  get oldestAt(): number | undefined {
    return earliest(this.log.oldestAt, this.sessions.oldestLeftAt);
  }

  /** All or nothing: a recovery that would leave a gap is none. */
  #recover(
    gateway: string,
    { pid, offset }: Resume,
    now: number,
  ): { session: RecoverableSession; missed: LoggedEvent[] } | undefined {
    const known = this.sessions.find(pid, now - this.#options.windowMs);
    if (known === undefined) return undefined;
    // A client keeps its last offset when it gets a new session: what is older than the session, or another log's, is
    // no news. It sends none before its first event.
    const after = Math.max(this.log.seqOf(offset) ?? 0, known.base);
    if (!this.log.reaches(after)) return undefined;
    const missed = this.log
      .after(after)
      .filter(({ socketId }) => socketId === undefined || socketId === known.socketId);
    const chars = missed.reduce((sum, { body }) => sum + body.length + EVENT_COST, 0);
    if (chars > MAX_MISSED_CHARS) return undefined;
    const session = { ...known, connection: known.connection + 1, leftAt: undefined, gateway };
    this.sessions.put(session);
    return { session, missed };
  }
}
