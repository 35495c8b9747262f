import { beforeEach, describe, expect, it } from "vitest";
import { Budget, MAX_QUEUED, type PollingTransport } from "../../../src/engineio/polling.ts";
import { createPolling, settled } from "../../support/fakes.ts";

/** What a packet costs besides its text. */
const COST = 16;

/** All that one queue may hold, in one packet. */
const FULL = "4".padEnd(MAX_QUEUED - COST, "x");

let told: string[];
let transport: PollingTransport;

const owner = (name: string) => ({
  overflowed: () => void told.push(`${name}overflowed`),
  closing: () => void told.push(`${name}closing`),
  closed: () => void told.push(`${name}closed`),
});

beforeEach(() => {
  told = [];
  transport = createPolling(owner(""));
});

/** A GET: holds its payload once there is one. */
const get = (from = transport): string[] => {
  const got: string[] = [];
  from.poll()?.then((payload) => void got.push(payload));
  return got;
};

const send = (...packets: (string | Uint8Array)[]) => {
  for (const packet of packets) transport.send(packet);
};

describe("CONN-10 a client that does not fetch", () => {
  it.each<[string, (string | Uint8Array)[]]>([
    ["characters", [FULL]],
    ["bytes", [new Uint8Array(MAX_QUEUED - COST)]],
    ["both", [FULL.slice(COST + 3), new Uint8Array(3)]],
  ])("is reported when more waits than may, after this turn, and not before: %s", async (_, packets) => {
    send(...packets);
    await settled();
    expect(told).toEqual([]);
    send("6");
    expect(told).toEqual([]);
    await settled();
    expect(told).toEqual(["overflowed"]);
  });

  it("is reported for many packets that hold next to nothing", async () => {
    const packets = MAX_QUEUED / (COST + 1);
    for (let sent = 0; sent < Math.floor(packets); sent++) send("4");
    await settled();
    expect(told).toEqual([]);
    send("4");
    await settled();
    expect(told).toEqual(["overflowed"]);
  });

  it("is reported for one packet that is too large alone", async () => {
    send(`${FULL}x`);
    await settled();
    expect(told).toEqual(["overflowed"]);
  });

  it("is reported once, and gets nothing that was sent after what was too much", async () => {
    send(FULL, "4a", "4b");
    const first = get();
    const second = get();
    send("4c");
    await settled();
    expect(told).toEqual(["overflowed"]);
    expect(first).toEqual([`${FULL}\x1e4a`]);
    expect(second).toEqual([]);
  });

  it("is given up even if it comes in the turn that was too much", async () => {
    send(FULL, "4a");
    get();
    expect(told).toEqual([]);
    await settled();
    expect(told).toEqual(["overflowed"]);
  });

  it("is none that waits: what is too much to gather is sent at once, and what follows waits", async () => {
    const first = get();
    send("4a", FULL);
    await Promise.resolve();
    expect(first).toEqual([`4a\x1e${FULL}`]);
    send("4b");
    await settled();
    const second = get();
    await settled();
    expect(second).toEqual(["4b"]);
    expect(told).toEqual([]);
  });

  it("is one that waited and was answered in this turn, when it is too much again", async () => {
    const first = get();
    send(`${FULL}x`, FULL, "4a");
    await settled();
    expect(first.map(({ length }) => length)).toEqual([FULL.length + 1]);
    expect(told).toEqual(["overflowed"]);
  });

  it("has its full queue again after each GET", async () => {
    send(FULL);
    get();
    send(FULL);
    await settled();
    expect(told).toEqual([]);
    get();
    get();
    send("4a");
    await settled();
    send(FULL);
    await settled();
    expect(told).toEqual([]);
  });

  it.each<[string, () => void, string[]]>([
    ["in order", () => transport.close(), ["closing"]],
    ["at once", () => transport.abort("ping timeout"), ["closed"]],
    ["by a handover", () => transport.handOver(), ["closed"]],
  ])("is not reported when its transport has ended meanwhile, %s", async (_, end, then) => {
    send(FULL, "4more");
    end();
    await settled();
    expect(told).toEqual(then);
  });
});

describe("CONN-10 a budget", () => {
  const LIMIT = 1_000;
  let budget: Budget;
  let other: PollingTransport;

  beforeEach(() => {
    budget = new Budget(LIMIT, () => void told.push("exceeded"));
    transport = createPolling(owner(""), budget);
    other = createPolling(owner("other "), budget);
  });

  /** Whether so much, and no less, is held; `held` of it by `transport`. */
  const expectHeld = (held: number) => {
    expect(budget.hasRoomFor(LIMIT - held)).toBe(true);
    expect(budget.hasRoomFor(LIMIT - held + 1)).toBe(false);
  };

  it("may be used up, and tells when it is exceeded", () => {
    budget.hold(LIMIT);
    expect(told).toEqual([]);
    expect(budget.hasRoomFor(0)).toBe(true);
    budget.hold(1);
    expect(told).toEqual(["exceeded"]);
    expect(budget.hasRoomFor(0)).toBe(false);
    budget.release(1);
    expect(budget.hasRoomFor(0)).toBe(true);
  });

  it("counts what all queues and bodies hold", async () => {
    transport.send("4".repeat(500 - COST));
    other.send(new Uint8Array(300 - COST));
    other.beginPost(() => {});
    other.bodyGrew(150);
    other.bodyGrew(50);
    expectHeld(LIMIT);
    expect([transport.held, other.held]).toEqual([500, 500]);
    expect(told).toEqual([]);
    other.send("6");
    expect(told).toEqual(["exceeded"]);
    other.abort("transport error");
    expectHeld(500);
    expect(other.held).toBe(0);
  });

  it("gets a body back when its POST ends, once", () => {
    transport.beginPost(() => {});
    transport.bodyGrew(400);
    transport.endPost();
    expectHeld(0);
    transport.abort("transport close");
    expectHeld(0);
  });

  it.each<[string, () => unknown, number]>([
    ["a GET", () => get(), 0],
    ["a handover", () => transport.handOver(), 0],
    ["an end at once", () => transport.abort("ping timeout"), 0],
    ["a close, once somebody comes for the rest", () => [transport.close(), get()], 0],
    ["a close, once somebody comes for CLOSE", () => [transport.close(), get(), get()], 0],
    ["a close, once nobody came for the rest", () => [transport.close(), transport.expire()], 0],
    ["a close, when a GET waits", () => [get(), get(), transport.close()], 0],
    ["a release", () => [get(), get(), transport.release()], 0],
    ["a close in the turn that answers a GET", () => [get(), get(), send("4b"), transport.close()], 0],
    ["a close, and a handover then", () => [transport.close(), transport.handOver()], 0],
    ["not a close while nobody has come for the rest", () => transport.close(), 2 + COST],
    ["not a release while no GET waits", () => transport.release(), 2 + COST],
  ])("gets back what a queue held: %s", async (_, step, held) => {
    send("4a");
    expectHeld(2 + COST);
    step();
    await settled();
    expectHeld(held);
  });

  it("gets back what a GET that waited took", async () => {
    get();
    send("4a", new Uint8Array(100));
    expectHeld(2 + 100 + 2 * COST);
    await settled();
    expectHeld(0);
  });

  it("counts nothing that is sent to a transport which has overflowed, or ended", async () => {
    send("4".repeat(LIMIT));
    send("4more");
    transport.abort("transport error");
    send("4more");
    transport.close();
    expectHeld(0);
  });
});
