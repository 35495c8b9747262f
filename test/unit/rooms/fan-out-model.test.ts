import * as fc from "fast-check";
import { expect, it } from "vitest";
import { Memberships } from "../../../src/gateway/memberships.ts";
import { relayTo } from "../../../src/gateway/relay.ts";
import { Subscriptions } from "../../../src/gateway/subscriptions.ts";
import { sleep } from "../../../src/lib/after.ts";
import { Alarms } from "../../../src/lib/alarms.ts";
import { MarketState } from "../../../src/rooms/market-state.ts";
import { PublishedIds } from "../../../src/rooms/published-ids.ts";
import { RoomCore } from "../../../src/rooms/room.ts";
import { SqlSubscriberStore } from "../../../src/rooms/subscriber-store.ts";
import { FakeClock, FakeTimers, settled } from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";

const ROOM = "market:BTC-USD";
const SOCKETS = 8;

/** What may become of a message: it arrives, it is lost before it does, or its answer is lost. */
type Fate = "arrives" | "lost" | "unanswered";

/** A one-way line that delivers in order, one message at a time, when the test says so. */
class Line {
  readonly #waiting: ((fate: Fate) => void)[] = [];

  /** `lossy`: it may be lost, and the sender hears of it. */
  send<T>(run: () => T | Promise<T>, lossy = false): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push((fate) => {
        const answer = lossy && fate === "lost" ? undefined : run();
        if (lossy && fate !== "arrives") reject(new Error(fate));
        else resolve(answer as T);
      });
    });
  }

  /** Whether there was a message to deliver. */
  step(fate: Fate = "arrives"): boolean {
    const next = this.#waiting.shift();
    next?.(fate);
    return next !== undefined;
  }
}

interface Publication {
  readonly n: number;
  readonly socketId?: string;
}

/** One stay of a socket in the room. */
interface Stay {
  readonly socketId: string;
  /** How much had been published when the room applied the join. */
  from: number | undefined;
  released: boolean;
  readonly got: number[];
}

class ModelSocket {
  readonly nsp = "/";
  readonly id: string;
  readonly gateway: Gateway;
  readonly faults: string[];
  stay: Stay | undefined;
  dead = false;

  constructor(id: string, gateway: Gateway, faults: string[]) {
    this.id = id;
    this.gateway = gateway;
    this.faults = faults;
  }

  write(frame: unknown): void {
    const [name, payload] = JSON.parse(String(frame).slice(2)) as [string, number | { userId: string }];
    if (typeof payload === "object") {
      // Every socket is a user of its own.
      if (payload.userId === this.id) this.faults.push(`${this.id} heard ${name} of itself`);
    } else if (this.stay === undefined) this.faults.push(`${this.id} got ${payload} after removal`);
    else if (!this.stay.released) this.faults.push(`${this.id} got ${payload} before its release`);
    else this.stay.got.push(payload);
  }
}

interface Gateway {
  readonly name: string;
  readonly subscriptions: Subscriptions<ModelSocket>;
  readonly memberships: Memberships;
  /** Updates and their answers, deliveries and their answers, and what relays pass on to it. */
  readonly lines: readonly [Line, Line, Line, Line, Line];
}

/** A room and its gateways; every message between them waits until the test lets it pass. */
class World {
  readonly faults: string[] = [];
  readonly published: Publication[] = [];
  readonly ended: Stay[] = [];
  readonly gateways = ["g", "h", "i", "j"].map((name) => this.#create(name));
  readonly sockets: readonly ModelSocket[];
  /** Whether the next delivery is repeated, as after an answer that was lost. */
  repeat = false;
  /** Batches that were relayed. */
  relayed = 0;
  readonly #clock = new FakeClock();
  readonly #timers = new FakeTimers();
  readonly #room: RoomCore;

  constructor(width: number, coalesceMs: number) {
    this.sockets = Array.from({ length: SOCKETS }, (_, i) => {
      return new ModelSocket(`s${i}`, this.#gateway(i % this.gateways.length), this.faults);
    });
    const storage = new TestStorage();
    this.#room = new RoomCore({
      name: ROOM,
      epoch: 1,
      store: new SqlSubscriberStore(storage.sql),
      ids: new PublishedIds(storage.sql),
      market: new MarketState(storage.sql, "BTC-USD", 1_000),
      transaction: storage.transactionSync,
      alarms: new Alarms(storage, 0),
      deliver: (name, frames) => {
        const { lines, subscriptions } = this.#named(name);
        return lines[2]
          .send(() => {
            const held = subscriptions.deliver(ROOM, 1, frames);
            return this.repeat ? subscriptions.deliver(ROOM, 1, frames) : held;
          })
          .then((held) => lines[3].send(() => held));
      },
      relay: (name, frames, others) => {
        this.relayed++;
        const deliver = async (to: string) => {
          const { subscriptions, lines } = this.#named(to);
          const run = () => subscriptions.deliver(ROOM, 1, frames);
          return to === name ? run() : lines[4].send(run, true);
        };
        const { lines } = this.#named(name);
        return lines[2]
          .send(() => relayTo([...others, name], deliver, this.#timers.after), true)
          .then((answer) => lines[3].send(() => answer, true));
      },
      onLost: (_, __, error) => void this.faults.push(`lost: ${error}`),
      onConflated: () => void this.faults.push("conflated"),
      supersede: (_, socketId) => void this.faults.push(`${socketId} has no second connection`),
      presenceLimit: 500,
      fanOutWidth: width,
      coalesceMs,
      windowMs: 1_000_000,
      clock: this.#clock.read,
      // Nothing that is sent to directly fails here.
      sleep,
      after: this.#timers.after,
    });
  }

  get subscriberCount(): number {
    return this.#room.stats.subscribers;
  }

  toggle(socket: ModelSocket): void {
    if (socket.dead) return;
    const { subscriptions, memberships } = socket.gateway;
    const { stay } = socket;
    if (stay === undefined) {
      const joining: Stay = { socketId: socket.id, from: undefined, released: false, got: [] };
      socket.stay = joining;
      subscriptions.hold(ROOM, socket);
      void memberships
        .join(ROOM, { socketId: socket.id, userId: socket.id, connection: 1 })
        .then((joined) => {
          if (socket.stay !== joining) return;
          if (!joined.ok) throw new Error("No update fails here.");
          joining.released = true;
          subscriptions.release(ROOM, socket, joined.value);
        });
      return;
    }
    // Unsubscribing waits for the join; only a disconnect does not, and its socket does not come back.
    socket.dead = !stay.released;
    socket.stay = undefined;
    this.ended.push(stay);
    subscriptions.remove(ROOM, socket);
    memberships.leave(ROOM, { socketId: socket.id, connection: 1 });
  }

  publish(socketId?: string): void {
    const publication = { n: this.published.length, ...(socketId !== undefined && { socketId }) };
    this.published.push(publication);
    this.#room.publish([
      {
        body: JSON.stringify(["e", publication.n]),
        delivery: "transient",
        ...(socketId !== undefined && { socketId }),
      },
    ]);
  }

  /** What a socket that joined then should have got by now, had nothing been on its way. */
  expected({ socketId, from }: Stay): number[] {
    if (from === undefined) return [];
    return this.published
      .slice(from)
      .filter((one) => one.socketId === undefined || one.socketId === socketId)
      .map(({ n }) => n);
  }

  async step(line: number, fate: Fate): Promise<void> {
    this.#gateway(line % this.gateways.length).lines[Math.floor(line / this.gateways.length)]?.step(fate);
    await settled();
  }

  async pass(ms: number): Promise<void> {
    this.#clock.now += ms;
    this.#timers.pass(ms);
    await settled();
  }

  async drain(): Promise<void> {
    // What is gathered goes.
    await this.pass(500);
    for (let moved = true; moved; await settled()) {
      moved = false;
      for (const { lines } of this.gateways) {
        for (const line of lines) moved = line.step() || moved;
      }
    }
  }

  #gateway(index: number): Gateway {
    const gateway = this.gateways[index];
    if (gateway === undefined) throw new Error("There is no such gateway.");
    return gateway;
  }

  #named(name: string): Gateway {
    return this.#gateway(this.gateways.findIndex((gateway) => gateway.name === name));
  }

  #create(name: string): Gateway {
    const subscriptions = new Subscriptions<ModelSocket>({ onLogged: () => {} });
    const lines = [new Line(), new Line(), new Line(), new Line(), new Line()] as const;
    const memberships = new Memberships({
      register: { all: () => [], stale: () => [], add: () => {}, mark: () => {}, remove: () => {} },
      holds: () => subscriptions.holds(ROOM),
      truth: () => {
        throw new Error("No room is stale here.");
      },
      update: (_, ops) =>
        lines[0]
          .send(() => {
            for (const op of ops) {
              if (op.op !== "join") continue;
              const stay = this.sockets.find(({ id }) => id === op.socketId)?.stay;
              if (stay !== undefined) stay.from ??= this.published.length;
            }
            return this.#room.update(name, ops);
          })
          .then((answers) => lines[1].send(() => answers)),
      onStale: (_, error) => void this.faults.push(`stale: ${error}`),
    });
    return { name, subscriptions, memberships, lines };
  }
}

const socket = fc.nat(SOCKETS - 1);
const fate = fc.constantFrom<Fate>("arrives", "arrives", "arrives", "lost", "unanswered");
const action = fc.oneof(
  { weight: 2, arbitrary: fc.record({ toggle: socket }) },
  { weight: 2, arbitrary: fc.record({ publish: fc.option(socket, { freq: 4 }) }) },
  { weight: 8, arbitrary: fc.record({ step: fc.nat(19), repeat: fc.boolean(), fate }) },
  { weight: 1, arbitrary: fc.record({ pass: fc.constantFrom(499, 1_001, 60_001) }) },
);

/** The most relays that any run had. */
let relayed = 0;

it("ROOM-5 FAN-1 FAN-3 FAN-4 whatever overtakes what, and whichever relay fails, a socket gets what was published in its stay, in order, once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(1, 2, 3, 4),
      fc.constantFrom(0, 500),
      fc.array(action, { maxLength: 100, size: "max" }),
      async (width, coalesceMs, actions) => {
        const world = new World(width, coalesceMs);
        for (const one of actions) {
          if ("toggle" in one) {
            const target = world.sockets[one.toggle];
            if (target) world.toggle(target);
          } else if ("publish" in one) {
            world.publish(one.publish === null ? undefined : world.sockets[one.publish]?.id);
          } else if ("pass" in one) {
            await world.pass(one.pass);
          } else {
            world.repeat = one.repeat;
            await world.step(one.step, one.fate);
          }
        }
        await world.drain();
        expect(world.faults).toEqual([]);
        const present = world.sockets.flatMap(({ stay }) => stay ?? []);
        expect(world.subscriberCount).toBe(present.length);
        for (const stay of present) {
          expect(stay.released).toBe(true);
          expect(stay.got).toEqual(world.expected(stay));
        }
        // What was still on its way when a socket left is rightly missing at the end, and only there.
        for (const { got, ...stay } of world.ended) {
          expect(got).toEqual(world.expected({ ...stay, got }).slice(0, got.length));
        }
        relayed = Math.max(relayed, world.relayed);
      },
    ),
    { numRuns: 300 },
  );
  expect(relayed).toBeGreaterThan(2);
});
