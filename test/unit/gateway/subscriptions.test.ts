import { beforeEach, describe, expect, it } from "vitest";
import { Subscriptions } from "../../../src/gateway/subscriptions.ts";
import type { Frame, Joined } from "../../../src/rooms/protocol.ts";

class FakeSocket {
  id: string;
  readonly nsp: string;
  readonly #log: (readonly [string, unknown])[];
  readonly got: unknown[] = [];

  constructor(id: string, nsp: string, log: (readonly [string, unknown])[]) {
    this.id = id;
    this.nsp = nsp;
    this.#log = log;
  }

  write(frame: unknown): void {
    this.got.push(frame);
    this.#log.push([this.id, frame]);
  }
}

const ROOM = "market:BTC-USD";
const frame = (seq: number, socketId?: string): Frame => ({
  seq,
  body: `["e",${seq}]`,
  ...(socketId !== undefined && { socketId }),
});
/** The room's lives, in their order. */
const [OLD, EPOCH, NEW] = [1, 2, 3];
const at = (seq: number, epoch = EPOCH): Joined => ({ subscriberCount: 1, epoch, seq });
const texts = (...seqs: number[]) => seqs.map((seq) => `42["e",${seq}]`);

let log: (readonly [string, unknown])[];
/** What `onLogged` was told. */
let saved: (readonly [string, number])[];
let subscriptions: Subscriptions<FakeSocket>;
let a: FakeSocket;
let b: FakeSocket;
let ws: FakeSocket;

beforeEach(() => {
  log = [];
  saved = [];
  subscriptions = new Subscriptions({ onLogged: ({ id }, logged) => void saved.push([id, logged]) });
  a = new FakeSocket("a", "/", log);
  b = new FakeSocket("b", "/", log);
  ws = new FakeSocket("ws", "/ws", log);
});

const join = (socket: FakeSocket, joined = at(0), room = ROOM) => {
  subscriptions.hold(room, socket);
  subscriptions.release(room, socket, joined);
};

const deliver = (...frames: Frame[]) => subscriptions.deliver(ROOM, EPOCH, frames);

describe("ROOM-5 joining", () => {
  it("holds a frame delivered meanwhile until the socket was told, then sends it", () => {
    subscriptions.hold(ROOM, a);
    expect(deliver(frame(1), frame(2))).toBe(true);
    deliver(frame(3));
    expect(a.got).toEqual([]);
    subscriptions.release(ROOM, a, at(1));
    expect(a.got).toEqual(texts(2, 3));
    deliver(frame(4));
    expect(a.got).toEqual(texts(2, 3, 4));
  });

  it("sends no frame published before the join, though delivered after it", () => {
    join(a, at(2));
    deliver(frame(1), frame(2), frame(3));
    deliver(frame(4));
    expect(a.got).toEqual(texts(3, 4));
  });

  it("compares positions within one epoch only", () => {
    join(a, at(5, OLD));
    deliver(frame(1));
    expect(a.got).toEqual(texts(1));
  });

  it("holds the frames of both epochs of a room that restarted", () => {
    subscriptions.hold(ROOM, a);
    subscriptions.deliver(ROOM, OLD, [frame(7), frame(8)]);
    deliver(frame(1));
    subscriptions.release(ROOM, a, at(7, OLD));
    expect(a.got).toEqual(texts(8, 1));
  });

  it("drops what was held of the room's life before the one that was joined", () => {
    subscriptions.hold(ROOM, a);
    subscriptions.deliver(ROOM, OLD, [frame(7), frame(8), frame(9, "a")]);
    deliver(frame(1), frame(2));
    subscriptions.deliver(ROOM, NEW, [frame(1)]);
    subscriptions.release(ROOM, a, at(1));
    expect(a.got).toEqual(texts(2, 1));
  });

  it("again changes nothing", () => {
    join(a, at(1));
    deliver(frame(2));
    subscriptions.hold(ROOM, a);
    deliver(frame(3));
    subscriptions.release(ROOM, a, at(9));
    deliver(frame(4));
    expect(a.got).toEqual(texts(2, 3, 4));
  });

  it("does not hold up others", () => {
    join(a);
    subscriptions.hold(ROOM, b);
    deliver(frame(1));
    expect(a.got).toEqual(texts(1));
  });

  it("that ended before the answer is not released", () => {
    subscriptions.hold(ROOM, a);
    deliver(frame(1));
    subscriptions.remove(ROOM, a);
    subscriptions.release(ROOM, a, at(0));
    expect(a.got).toEqual([]);
    expect(subscriptions.has(ROOM, a)).toBe(false);
  });
});

describe("ROOM-5 delivery", () => {
  it("reaches nobody after removal, and says so", () => {
    join(a);
    join(b);
    subscriptions.remove(ROOM, a);
    expect(deliver(frame(1))).toBe(true);
    subscriptions.remove(ROOM, b);
    expect(deliver(frame(2))).toBe(false);
    expect(subscriptions.deliver("market:ETH-USD", EPOCH, [frame(1)])).toBe(false);
    expect(a.got).toEqual([]);
    expect(b.got).toEqual(texts(1));
  });

  it("that is repeated is sent once", () => {
    join(a);
    deliver(frame(1), frame(2));
    expect(deliver(frame(1), frame(2))).toBe(true);
    deliver(frame(2), frame(3));
    expect(a.got).toEqual(texts(1, 2, 3));
  });

  it("that is repeated is held once", () => {
    subscriptions.hold(ROOM, a);
    deliver(frame(1));
    deliver(frame(1), frame(2));
    subscriptions.release(ROOM, a, at(0));
    expect(a.got).toEqual(texts(1, 2));
  });

  it("starts over in a new epoch", () => {
    join(a);
    deliver(frame(1), frame(2));
    subscriptions.deliver(ROOM, NEW, [frame(1)]);
    subscriptions.deliver(ROOM, NEW, [frame(1), frame(2)]);
    expect(a.got).toEqual(texts(1, 2, 1, 2));
  });

  it("keeps rooms apart", () => {
    join(a, at(0), "market:ETH-USD");
    join(b);
    deliver(frame(5));
    subscriptions.deliver("market:ETH-USD", EPOCH, [frame(1)]);
    expect(a.got).toEqual(texts(1));
    expect(b.got).toEqual(texts(5));
  });

  it("of nothing answers whether the room has sockets here", () => {
    expect(deliver()).toBe(false);
    join(a);
    expect(deliver()).toBe(true);
  });
});

describe("FAN-2 delivery", () => {
  it("goes socket by socket", () => {
    join(a);
    join(b);
    deliver(frame(1), frame(2));
    expect(log.map(([id]) => id)).toEqual(["a", "a", "b", "b"]);
  });

  it("CONN-3 gives every namespace its own encoding", () => {
    join(a);
    join(ws);
    deliver(frame(1));
    expect(a.got).toEqual(['42["e",1]']);
    expect(ws.got).toEqual(['42/ws,["e",1]']);
    subscriptions.hold("market:ETH-USD", ws);
    subscriptions.deliver("market:ETH-USD", EPOCH, [frame(1)]);
    subscriptions.release("market:ETH-USD", ws, at(0));
    expect(ws.got.at(-1)).toBe('42/ws,["e",1]');
  });

  it("reads every frame once, however many sockets get it", () => {
    const sockets = Array.from({ length: 6 }, (_, i) => new FakeSocket(`s${i}`, i % 2 ? "/" : "/ws", log));
    for (const socket of sockets) join(socket);
    let reads = 0;
    const counted: Frame = {
      seq: 1,
      get body() {
        reads++;
        return '["e",1]';
      },
    };
    deliver(counted);
    expect(log.length).toBe(6);
    expect(reads).toBe(2);
  });

  it("narrowed by socketId reaches that socket only, joined or joining", () => {
    join(a);
    join(b);
    subscriptions.hold(ROOM, ws);
    deliver(frame(1), frame(2, "b"), frame(3, "ws"), frame(4, "elsewhere"), frame(5));
    expect(a.got).toEqual(texts(1, 5));
    expect(b.got).toEqual(texts(1, 2, 5));
    subscriptions.release(ROOM, ws, at(0));
    expect(ws.got).toEqual([1, 3, 5].map((seq) => `42/ws,["e",${seq}]`));
  });

  it("narrowed by socketId still respects the position of the join", () => {
    join(a, at(1));
    deliver(frame(1, "a"), frame(2, "a"));
    expect(a.got).toEqual(texts(2));
  });
});

describe("USER-1 logged frames", () => {
  const logged = (seq: number, position: number, socketId?: string): Frame => ({
    ...frame(seq, socketId),
    body: `["e",${position}]`,
    logged: position,
  });

  it("are sent once, though a new life of the room delivers them again", () => {
    join(a);
    deliver(logged(1, 11), logged(2, 12));
    subscriptions.deliver(ROOM, NEW, [logged(1, 11), logged(2, 12), logged(3, 13)]);
    subscriptions.deliver(ROOM, NEW, [logged(3, 13), logged(4, 14)]);
    expect(a.got).toEqual(texts(11, 12, 13, 14));
    expect(saved).toEqual([
      ["a", 12],
      ["a", 13],
      ["a", 14],
    ]);
  });

  it("that a socket has had are withheld from it, and sent to one that has not", () => {
    subscriptions.hold(ROOM, a);
    subscriptions.release(ROOM, a, at(0), 12);
    subscriptions.hold(ROOM, b);
    subscriptions.release(ROOM, b, at(0), 11);
    deliver(logged(1, 11), logged(2, 12), logged(3, 13));
    expect(a.got).toEqual(texts(13));
    expect(b.got).toEqual(texts(12, 13));
  });

  it("go by the log's position, not by the room's: a log goes on where the room starts anew", () => {
    subscriptions.hold(ROOM, a);
    subscriptions.release(ROOM, a, at(50), 11);
    deliver(logged(3, 12));
    expect(a.got).toEqual(texts(12));
  });

  it("held while joining are sent from where the answer ends, and saved once", () => {
    subscriptions.hold(ROOM, a);
    deliver(logged(1, 11), logged(2, 12));
    subscriptions.deliver(ROOM, NEW, [logged(1, 12), logged(2, 13)]);
    expect(saved).toEqual([]);
    subscriptions.release(ROOM, a, at(1), 11);
    expect(a.got).toEqual(texts(12, 13));
    expect(saved).toEqual([["a", 13]]);
  });

  it("save nothing where nothing was sent", () => {
    subscriptions.hold(ROOM, a);
    deliver(logged(1, 11));
    subscriptions.release(ROOM, a, at(1), 11);
    deliver(frame(5));
    subscriptions.deliver(ROOM, NEW, [logged(1, 11)]);
    expect(a.got).toEqual(texts(5));
    expect(saved).toEqual([]);
  });

  it("of a life of the room that has ended come late, the others not at all", () => {
    join(a);
    subscriptions.deliver(ROOM, NEW, [frame(1)]);
    deliver(frame(5), logged(6, 1), frame(7));
    subscriptions.deliver(ROOM, NEW, [frame(1), frame(2)]);
    expect(a.got).toEqual(texts(1, 1, 2));
  });

  it("go on after hibernation from where the socket was", () => {
    subscriptions.restore(ROOM, a, 12);
    deliver(logged(1, 11), logged(2, 12), logged(3, 13));
    expect(a.got).toEqual(texts(13));
  });

  it("for one socket, among others, reach that one, and pass the rest by", () => {
    join(a);
    join(b);
    deliver(logged(1, 11), logged(2, 12, "b"), frame(3), logged(4, 13, "a"), frame(5, "b"), logged(6, 14));
    expect(a.got).toEqual([...texts(11), ...texts(3, 13, 14)]);
    expect(b.got).toEqual([...texts(11, 12, 3), ...texts(5, 14)]);
    expect(saved).toEqual([
      ["a", 14],
      ["b", 14],
    ]);
  });

  it("for one socket reach it where it has joined under the id it had", () => {
    a = new FakeSocket("new", "/", log);
    subscriptions.hold(ROOM, a);
    deliver(logged(1, 11, "new"), logged(2, 12, "former"));
    a.id = "former";
    subscriptions.release(ROOM, a, at(0));
    expect(a.got).toEqual(texts(12));
  });
});

describe("subscriptions: who is where", () => {
  it("lists a socket's rooms in the order joined, and a room's sockets, joining ones included", () => {
    subscriptions.hold("user:u", a);
    join(a);
    join(b);
    expect([...subscriptions.roomsOf(a)]).toEqual(["user:u", ROOM]);
    expect(subscriptions.members(ROOM)).toEqual([a, b]);
    expect(subscriptions.members("user:u")).toEqual([a]);
    expect([...subscriptions.rooms()]).toEqual(["user:u", ROOM]);
    subscriptions.remove("user:u", a);
    subscriptions.remove("user:u", a);
    expect([...subscriptions.roomsOf(a)]).toEqual([ROOM]);
    expect([...subscriptions.rooms()]).toEqual([ROOM]);
    subscriptions.remove(ROOM, a);
    expect(subscriptions.roomsOf(a).size).toBe(0);
    expect(subscriptions.members(ROOM)).toEqual([b]);
  });

  it("restored after hibernation get everything from then on", () => {
    subscriptions.restore(ROOM, a);
    expect(subscriptions.has(ROOM, a)).toBe(true);
    deliver(frame(41), frame(42));
    deliver(frame(42));
    expect(a.got).toEqual(texts(41, 42));
  });
});
