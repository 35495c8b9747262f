import * as fc from "fast-check";
import { expect, it } from "vitest";
import { Memberships } from "../../../src/gateway/memberships.ts";
import { Subscriptions } from "../../../src/gateway/subscriptions.ts";
import { after, sleep } from "../../../src/lib/after.ts";
import { Alarms } from "../../../src/lib/alarms.ts";
import { PublishedIds } from "../../../src/rooms/published-ids.ts";
import { RoomCore } from "../../../src/rooms/room.ts";
import { SqlSubscriberStore } from "../../../src/rooms/subscriber-store.ts";
import { settled } from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";

const ROOM = "market:BTC-USD";
const GATEWAYS = ["g", "h"] as const;
type GatewayName = (typeof GATEWAYS)[number];

/** A one-way line that delivers in order, one message at a time, when the test says so. */
class Line {
  readonly #waiting: (() => void)[] = [];

  send<T>(run: () => T): Promise<T> {
    return new Promise((resolve) => void this.#waiting.push(() => resolve(run())));
  }

  /** Whether there was a message to deliver. */
  step(): boolean {
    const next = this.#waiting.shift();
    next?.();
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
  readonly gateway: GatewayName;
  readonly faults: string[];
  stay: Stay | undefined;
  dead = false;

  constructor(id: string, gateway: GatewayName, faults: string[]) {
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

/** A room and two gateways; every message between them waits until the test lets it pass. */
class World {
  readonly faults: string[] = [];
  readonly published: Publication[] = [];
  readonly ended: Stay[] = [];
  readonly sockets = [0, 1, 2, 3, 4, 5].map((i) => new ModelSocket(`s${i}`, i % 2 ? "g" : "h", this.faults));
  /** Of each gateway: updates and their answers, deliveries and their answers. */
  readonly lines = GATEWAYS.flatMap(() => [new Line(), new Line(), new Line(), new Line()]);
  /** Deliveries that the room has not been answered yet. */
  readonly #inFlight = { g: 0, h: 0 };
  /** Whether the next delivery is repeated, as after an answer that was lost. */
  repeat = false;
  readonly #subscriptions = {
    g: new Subscriptions<ModelSocket>({ onLogged: () => {} }),
    h: new Subscriptions<ModelSocket>({ onLogged: () => {} }),
  };
  readonly #memberships = { g: this.#create("g"), h: this.#create("h") };
  readonly #storage = new TestStorage();
  readonly #room = new RoomCore({
    name: ROOM,
    epoch: 1,
    store: new SqlSubscriberStore(this.#storage.sql),
    ids: new PublishedIds(this.#storage.sql),
    transaction: this.#storage.transactionSync,
    alarms: new Alarms(this.#storage),
    deliver: (name, frames) => {
      const gateway = name as GatewayName;
      const subscriptions = this.#subscriptions[gateway];
      if (++this.#inFlight[gateway] > 1) this.faults.push(`two deliveries on their way to ${gateway}`);
      return this.#line(gateway, 2)
        .send(() => {
          const held = subscriptions.deliver(ROOM, 1, frames);
          return this.repeat ? subscriptions.deliver(ROOM, 1, frames) : held;
        })
        .then((held) => this.#line(gateway, 3).send(() => held))
        .finally(() => void this.#inFlight[gateway]--);
    },
    onLost: (_, __, error) => void this.faults.push(`lost: ${error}`),
    supersede: (_, socketId) => void this.faults.push(`${socketId} has no second connection`),
    presenceLimit: 500,
    windowMs: 1_000,
    clock: () => 0,
    // Nothing fails and nothing is kept here.
    sleep,
    after,
  });

  get subscriberCount(): number {
    return this.#room.subscriberCount;
  }

  toggle(socket: ModelSocket): void {
    if (socket.dead) return;
    const subscriptions = this.#subscriptions[socket.gateway];
    const memberships = this.#memberships[socket.gateway];
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

  async drain(): Promise<void> {
    for (let moved = true; moved; await settled()) {
      moved = false;
      for (const line of this.lines) moved = line.step() || moved;
    }
  }

  #line(gateway: GatewayName, index: number): Line {
    const line = this.lines[GATEWAYS.indexOf(gateway) * 4 + index];
    if (line === undefined) throw new Error("There is no such line.");
    return line;
  }

  #create(gateway: GatewayName): Memberships {
    return new Memberships({
      register: { all: () => [], stale: () => [], add: () => {}, mark: () => {}, remove: () => {} },
      holds: () => this.#subscriptions[gateway].holds(ROOM),
      truth: () => {
        throw new Error("No room is stale here.");
      },
      update: (_, ops) =>
        this.#line(gateway, 0)
          .send(() => {
            for (const op of ops) {
              if (op.op !== "join") continue;
              const stay = this.sockets.find(({ id }) => id === op.socketId)?.stay;
              if (stay !== undefined) stay.from ??= this.published.length;
            }
            return this.#room.update(gateway, ops);
          })
          .then((answers) => this.#line(gateway, 1).send(() => answers)),
      onStale: (_, error) => void this.faults.push(`stale: ${error}`),
    });
  }
}

const socket = fc.nat(5);
const action = fc.oneof(
  { weight: 2, arbitrary: fc.record({ toggle: socket }) },
  { weight: 2, arbitrary: fc.record({ publish: fc.option(socket, { freq: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ step: fc.nat(7), repeat: fc.boolean() }) },
);

it("ROOM-5 FAN-1 whatever overtakes what, a socket gets what was published in its stay, in order, once, in one delivery at a time", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 80, size: "max" }), async (actions) => {
      const world = new World();
      for (const one of actions) {
        if ("toggle" in one) {
          const target = world.sockets[one.toggle];
          if (target) world.toggle(target);
        } else if ("publish" in one) {
          world.publish(one.publish === null ? undefined : world.sockets[one.publish]?.id);
        } else {
          world.repeat = one.repeat;
          world.lines[one.step]?.step();
          await settled();
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
    }),
    { numRuns: 300 },
  );
});
