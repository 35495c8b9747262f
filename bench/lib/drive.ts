import type { LoadClient } from "../client/client.ts";
import type { Watched } from "../client/messages.ts";
import type { Publication, Target } from "../servers/target.ts";
import { monotonicMs } from "./clock.ts";
import { userId } from "./credentials.ts";
import { Lane, Lanes, SendLog, type SendReport } from "./lane.ts";
import { runSchedule } from "./schedule.ts";
import { createStamper, type EventClass } from "./stamped.ts";
import { meter, type Usage } from "./usage.ts";

export type Stampable = (stamp: number) => Publication;

/** What is published of a class while it is measured, at a pace that no server can slow. */
export interface Feed {
  readonly intervalMs: number;
  readonly ticks: number;
  /** Publishers that share its rooms out among them, each with one request on its way; one, unless told. */
  readonly publishers?: number;
  /** The events of one tick, each waiting for its stamp. */
  events(tick: number): readonly Stampable[];
}

export type Feeds = Readonly<Record<EventClass, Feed>>;

/** Who gets what: as in `TargetOptions`, socket `n` is in `rooms[n % rooms.length]` and of user `n % users`. */
export interface Audience {
  readonly sockets: number;
  readonly rooms: readonly string[];
  readonly users: number;
}

export interface Offered extends SendReport {
  readonly events: number;
  /** One for each event and socket that is to get it. */
  readonly deliveries: number;
}

export interface Driven {
  readonly offered: Readonly<Record<EventClass, Offered>>;
  readonly watched: Watched;
  readonly usage: Usage;
  /** When the offering began and ended, see `monotonicMs`. */
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface DriveOptions {
  readonly audience: Audience;
  /** How often to see how old what the sockets know is; never, unless told. */
  readonly sampleMs?: number;
  /** How long everything may take to arrive, once the offering has ended. */
  readonly settleMs: number;
  readonly signal: AbortSignal;
}

/** For a class of which nothing is published. */
export const NO_FEED: Feed = { intervalMs: 1, ticks: 0, events: () => [] };

const sizesOf = ({ sockets, rooms, users }: Audience): ReadonlyMap<string, number> => {
  const sizes = new Map<string, number>();
  for (let socket = 0; socket < sockets; socket++) {
    for (const room of [rooms[socket % rooms.length] ?? "", `user:${userId(socket % users)}`]) {
      sizes.set(room, (sizes.get(room) ?? 0) + 1);
    }
  }
  return sizes;
};

/** What was offered, counted as it is. */
class Offering {
  readonly #sizes: ReadonlyMap<string, number>;
  readonly newest = new Map<string, number>();
  events = 0;
  deliveries = 0;

  constructor(sizes: ReadonlyMap<string, number>) {
    this.#sizes = sizes;
  }

  /** Offers a feed to the end; resolves when the server has taken everything. */
  async run(feed: Feed, target: Target, startAt: number, signal: AbortSignal): Promise<Offered> {
    const log = new SendLog();
    const lanes = new Lanes(
      feed.publishers ?? 1,
      () => new Lane((publications) => target.publish(publications), log),
    );
    const stampAt = createStamper();
    await runSchedule({ ...feed, startAt, signal }, (tick, dueMs) => {
      const publications = feed.events(tick).map((event) => this.#count(event, stampAt(dueMs)));
      lanes.offer(publications, dueMs);
    });
    await lanes.empty();
    return { events: this.events, deliveries: this.deliveries, ...log.report() };
  }

  #count(event: Stampable, stamp: number): Publication {
    const publication = event(stamp);
    this.newest.set(publication.room, stamp);
    this.events++;
    this.deliveries += this.#sizes.get(publication.room) ?? 0;
    return publication;
  }
}

/** Publishes both feeds side by side, each in order, while the client's sockets measure what comes. */
export const drive = async (
  target: Target,
  client: LoadClient,
  feeds: Feeds,
  { audience, sampleMs, settleMs, signal }: DriveOptions,
): Promise<Driven> => {
  const sizes = sizesOf(audience);
  const offerings = { market: new Offering(sizes), personal: new Offering(sizes) };
  await client.watch(sampleMs);
  const usage = meter(target.pids);
  const startedAt = monotonicMs();
  const [market, personal] = await Promise.all([
    offerings.market.run(feeds.market, target, startedAt, signal),
    offerings.personal.run(feeds.personal, target, startedAt, signal),
  ]);
  const endedAt = monotonicMs();
  const newest = audience.rooms.map((room) => offerings.market.newest.get(room) ?? 0);
  const watched = await client.settle({ newest, personal: personal.deliveries }, settleMs);
  return { offered: { market, personal }, watched, usage: usage(), startedAt, endedAt };
};

/** What was offered and never came. */
export const lostOf = ({ offered, watched }: Driven, name: EventClass): number =>
  offered[name].deliveries - watched.classes[name].count;

/** What no server may do to events of a class, whatever its load: none came again, or after a newer one. */
export const disorderOf = ({ watched }: Driven, name: EventClass): number =>
  watched.classes[name].doubled + watched.classes[name].reordered;
