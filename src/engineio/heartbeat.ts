import type { Session } from "./session.ts";

/** Idle time after which the platform hibernates an object; aligning pings pays only between such pauses. */
const HIBERNATES_AFTER_MS = 10_000;

export interface HeartbeatConfig {
  readonly pingInterval: number;
  readonly pingTimeout: number;
}

/**
 * When to ping whom, and who has fallen silent. All times are ms since the epoch.
 *
 * With intervals long enough to hibernate in, all sessions are pinged in one round per interval, so that the
 * object sleeps between rounds. A session too young for a round waits for the next: its first ping then comes
 * at an age between `minAge` and `pingInterval + minAge`, and clients wait `pingInterval + pingTimeout`. A polling
 * session takes part at any age: no request is to wait longer than the interval, for which proxies are made.
 * With shorter intervals every session is pinged on its own schedule, as by the reference server.
 */
export class Heartbeat {
  /** Whether the interval is long enough for the platform to hibernate the object between two rounds. */
  readonly hibernates: boolean;
  readonly #config: HeartbeatConfig;
  /** How long after its opening or last ping a session may be pinged. */
  readonly #minAge: number;

  constructor(config: HeartbeatConfig) {
    this.#config = config;
    this.hibernates = config.pingInterval >= HIBERNATES_AFTER_MS;
    this.#minAge = this.hibernates
      ? Math.min(config.pingInterval, config.pingTimeout) / 2
      : config.pingInterval;
  }

  /** When the first round is due for a session that opened now and found none scheduled. */
  firstRound(now: number): number {
    return now + this.#config.pingInterval;
  }

  /** The sessions to ping in the round at `now`. */
  due(sessions: Iterable<Session>, now: number): Session[] {
    const due: Session[] = [];
    for (const session of sessions) {
      const minAge = this.hibernates && session.transport.name === "polling" ? 0 : this.#minAge;
      if (now - session.lastPingAt >= minAge) due.push(session);
    }
    return due;
  }

  /**
   * Marks a ping sent at `now`. On a schedule of its own a session's times do not drift by the alarm's small delays;
   * a ping that is really late counts from when it went out.
   */
  pinged(session: Session, now: number): void {
    const { pingInterval, pingTimeout } = this.#config;
    const due = session.lastPingAt + pingInterval;
    const onTime = !this.hibernates && due <= now && now - due < pingTimeout / 4;
    session.lastPingAt = onTime ? due : now;
    if (session.unansweredAt === undefined || session.aliveAt >= session.unansweredAt) {
      session.unansweredAt = session.lastPingAt;
    }
  }

  /**
   * A session restored from hibernation took part in the round at `roundAt`, if it was old enough. Since when
   * its pings are unanswered follows from its last pong: a round comes within `pingInterval + minAge` of it.
   * With short intervals nothing is known of it, so it is pinged anew.
   */
  restored(session: Session, roundAt: number | undefined): void {
    if (!this.hibernates || roundAt === undefined || roundAt - session.openedAt < this.#minAge) return;
    const known = Math.max(session.openedAt, session.aliveAt);
    session.lastPingAt = roundAt;
    session.unansweredAt = Math.min(roundAt, known + this.#config.pingInterval + this.#minAge);
  }

  /** When the round after the one at `now` is due; `undefined` without sessions. */
  nextRound(sessions: Iterable<Session>, now: number): number | undefined {
    let next: number | undefined;
    for (const { lastPingAt } of sessions) {
      if (this.hibernates) return now + this.#config.pingInterval;
      const at = lastPingAt + this.#config.pingInterval;
      if (next === undefined || at < next) next = at;
    }
    return next;
  }

  /** Sessions that have left a ping unanswered for `pingTimeout`, and when the next may have (ms). */
  silent(sessions: Iterable<Session>, now: number): { silent: Session[]; next: number | undefined } {
    const silent: Session[] = [];
    let next: number | undefined;
    for (const session of sessions) {
      const { unansweredAt } = session;
      if (unansweredAt === undefined || session.aliveAt >= unansweredAt) continue;
      const deadline = unansweredAt + this.#config.pingTimeout;
      if (deadline <= now) silent.push(session);
      else if (next === undefined || deadline < next) next = deadline;
    }
    return { silent, next };
  }
}
