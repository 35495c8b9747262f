import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { SEPARATOR } from "../../../src/engineio/payload.ts";
import type { PollingTransport } from "../../../src/engineio/polling.ts";
import type { CloseReason } from "../../../src/engineio/transport.ts";
import { createPolling, settled } from "../../support/fakes.ts";

let told: string[];
let transport: PollingTransport;

beforeEach(() => {
  told = [];
  transport = createPolling({
    overflowed: () => void told.push("overflowed"),
    closing: () => void told.push("closing"),
    closed: () => void told.push("closed"),
  });
});

/** A GET: holds its payload once there is one, or says that it was refused. */
const get = (): string[] => {
  const got: string[] = [];
  const polled = transport.poll();
  if (polled === undefined) got.push("refused");
  else polled.then((payload) => void got.push(payload));
  return got;
};

const send = (...packets: (string | Uint8Array)[]) => {
  for (const packet of packets) transport.send(packet);
};

describe("CONN-10 a GET", () => {
  it("that waits gets all that one turn sends, in order, with binary as base64", async () => {
    const first = get();
    send("4a", new Uint8Array([1, 2]), "4b");
    expect(first).toEqual([]);
    await settled();
    expect(first).toEqual(["4a\x1ebAQI=\x1e4b"]);
  });

  it("gets at once what was sent in all the turns before it", async () => {
    send("4a");
    await settled();
    send("4b", "4c");
    const first = get();
    await Promise.resolve();
    expect(first).toEqual(["4a\x1e4b\x1e4c"]);
  });

  it("leaves to the next what later turns send", async () => {
    const first = get();
    send("4a");
    await settled();
    send("4b");
    await settled();
    expect(first).toEqual(["4a"]);
    const second = get();
    await settled();
    expect(second).toEqual(["4b"]);
    const third = get();
    await settled();
    expect(third).toEqual([]);
  });

  it("that comes between two packets of one turn takes the first alone", async () => {
    send("4a");
    const first = get();
    send("4b");
    const second = get();
    await settled();
    expect([first, second]).toEqual([["4a"], ["4b"]]);
    const third = get();
    await settled();
    expect(third).toEqual([]);
  });

  it("is refused while another waits, which stays the one that is answered", async () => {
    const first = get();
    expect(get()).toEqual(["refused"]);
    send("4a");
    await settled();
    expect(first).toEqual(["4a"]);
    expect(get()).toEqual([]);
  });
});

describe("CONN-11 releasing", () => {
  it("answers a GET that waits with NOOP", async () => {
    const first = get();
    transport.release();
    await settled();
    expect(first).toEqual(["6"]);
  });

  it("answers with what this turn has sent, and then without NOOP", async () => {
    const first = get();
    send("4a");
    transport.release();
    send("4b");
    await settled();
    expect(first).toEqual(["4a"]);
    const second = get();
    await settled();
    expect(second).toEqual(["4b"]);
  });

  it("leaves nothing behind for a GET that comes later", async () => {
    transport.release();
    const first = get();
    await settled();
    expect(first).toEqual([]);
  });
});

/**
 * How a session ends at once, and what a GET that waits gets if there is nothing else: CLOSE, unless the
 * client itself said goodbye.
 */
const ABORTS: [CloseReason, string][] = [
  ["transport close", "6"],
  ["transport error", "1"],
  ["ping timeout", "1"],
  ["parse error", "1"],
  ["payload too large", "1"],
];

const ENDS: [string, () => void][] = [
  ["close", () => transport.close()],
  ...ABORTS.map(([reason]): [string, () => void] => [`abort: ${reason}`, () => transport.abort(reason)]),
];

describe("CONN-10 closing", () => {
  it.each<[string, () => void, string]>([
    ...ABORTS.map(([reason, last]): [string, () => void, string] => [
      `at once, for ${reason}`,
      () => transport.abort(reason),
      last,
    ]),
    ["in order", () => transport.close(), "1"],
  ])("%s gives a GET that waits the end, if this turn has sent nothing", async (_, end, last) => {
    const first = get();
    end();
    send("4late");
    await settled();
    expect(first).toEqual([last]);
    expect(told).toEqual(["closed"]);
    expect(get()).toEqual(["refused"]);
  });

  it.each(ABORTS)("at once, for %s, gives a GET that waits what this turn sent, alone", async (reason) => {
    const first = get();
    send("4a", "4b");
    transport.abort(reason);
    send("4late");
    expect(transport.status).toBe("closed");
    expect(get()).toEqual(["refused"]);
    await settled();
    expect(first).toEqual(["4a\x1e4b"]);
    expect(told).toEqual(["closed"]);
  });

  it("in order gives a GET that waits what this turn sent, and CLOSE to the next one", async () => {
    const first = get();
    send("4a", "4b");
    transport.close();
    send("4late");
    expect(transport.status).toBe("closing");
    expect(told).toEqual(["closing"]);
    await settled();
    expect(first).toEqual(["4a\x1e4b"]);
    const last = get();
    expect(transport.status).toBe("closed");
    await settled();
    expect(last).toEqual(["1"]);
    expect(told).toEqual(["closing", "closed"]);
    expect(get()).toEqual(["refused"]);
  });

  it.each(ABORTS)(
    "at once, for %s, while no GET waits drops what is queued; no GET may come",
    async (reason) => {
      send("4a");
      transport.abort(reason);
      expect(transport.status).toBe("closed");
      expect(get()).toEqual(["refused"]);
      expect(told).toEqual(["closed"]);
    },
  );

  it("in order while no GET waits keeps the queue for the next one, and CLOSE for the one after it", async () => {
    send("4a");
    await settled();
    transport.close();
    send("4late");
    expect(transport.status).toBe("closing");
    expect(told).toEqual(["closing"]);
    const rest = get();
    expect(transport.status).toBe("closing");
    await settled();
    expect(rest).toEqual(["4a"]);
    expect(told).toEqual(["closing"]);
    const last = get();
    expect(transport.status).toBe("closed");
    await settled();
    expect(last).toEqual(["1"]);
    expect(told).toEqual(["closing", "closed"]);
    expect(get()).toEqual(["refused"]);
  });

  it("ends for good when nobody came for CLOSE", async () => {
    send("4a");
    transport.close();
    const rest = get();
    transport.expire();
    expect(get()).toEqual(["refused"]);
    await settled();
    expect(rest).toEqual(["4a"]);
    expect(told).toEqual(["closing", "closed"]);
  });

  it("USER-2 puts no event and CLOSE into one payload, whatever happens when", async () => {
    const ends = ["close", ...ABORTS.map(([reason]) => reason)] as const;
    const steps = fc.array(fc.constantFrom("send", "get", "turn", "release", ...ends), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(steps, async (names) => {
        transport = createPolling();
        const payloads: string[] = [];
        for (const name of names) {
          if (name === "send") send("4a");
          else if (name === "get") transport.poll()?.then((payload) => void payloads.push(payload));
          else if (name === "turn") await settled();
          else if (name === "release") transport.release();
          else if (name === "close") transport.close();
          else transport.abort(name);
        }
        await settled();
        const closes = payloads.filter((payload) => payload.split(SEPARATOR).includes("1"));
        expect(closes).toEqual(closes.map(() => "1"));
        expect(closes.length).toBeLessThanOrEqual(1);
        // Nothing comes after it.
        if (closes.length > 0) expect(payloads.at(-1)).toBe("1");
      }),
      { numRuns: 1_000 },
    );
  });

  it("ends for good when nobody came for what was kept", () => {
    send("4a");
    transport.close();
    transport.expire();
    expect(transport.status).toBe("closed");
    expect(get()).toEqual(["refused"]);
    transport.expire();
    expect(told).toEqual(["closing", "closed"]);
  });

  it("by expiry is only for a transport that is closing", () => {
    transport.expire();
    expect(transport.status).toBe("open");
    expect(told).toEqual([]);
  });

  it.each(ENDS)("happens once, whatever follows: %s", async (_, end) => {
    end();
    const before = [...told];
    for (const [, next] of ENDS) next();
    expect(told).toEqual(before);
    const last = get();
    transport.expire();
    expect(transport.handOver()).toEqual([]);
    await settled();
    expect(last).toEqual([told.includes("closing") ? "1" : "refused"]);
    expect(told.filter((what) => what === "closed")).toEqual(["closed"]);
  });
});

describe("CONN-11 handing over", () => {
  it("returns what no GET has taken, as it was sent, and ends the transport", () => {
    const bytes = new Uint8Array([1]);
    send("4a", bytes);
    const rest = transport.handOver();
    expect(rest).toEqual(["4a", bytes]);
    expect(rest[1]).toBe(bytes);
    send("4b");
    expect(transport.handOver()).toEqual([]);
    expect(get()).toEqual(["refused"]);
    expect(transport.status).toBe("closed");
    expect(told).toEqual(["closed"]);
  });

  it("of a transport that is closing returns CLOSE too, as the last", () => {
    send("4a");
    transport.close();
    expect(transport.handOver()).toEqual(["4a", "1"]);
    expect(told).toEqual(["closing", "closed"]);
    expect(get()).toEqual(["refused"]);
  });

  it("returns CLOSE alone when a GET has taken the rest", async () => {
    const first = get();
    send("4a");
    transport.close();
    expect(transport.handOver()).toEqual(["1"]);
    await settled();
    expect(first).toEqual(["4a"]);
    expect(told).toEqual(["closing", "closed"]);
  });

  it("lets a GET that waits go with NOOP alone, though this turn has sent something", async () => {
    const first = get();
    send("4a");
    expect(transport.handOver()).toEqual(["4a"]);
    await settled();
    expect(first).toEqual(["6"]);
    expect(told).toEqual(["closed"]);
  });
});

describe("CONN-10 POSTs", () => {
  const begin = () => {
    const post = { cancelled: 0, begun: false };
    post.begun = transport.beginPost(() => void post.cancelled++);
    return post;
  };

  it("come one at a time", () => {
    const first = begin();
    expect([first.begun, begin().begun]).toEqual([true, false]);
    transport.endPost();
    expect(begin().begun).toBe(true);
    expect(first.cancelled).toBe(0);
  });

  it.each(ENDS)("under way are stopped: %s", (_, end) => {
    const first = begin();
    const second = begin();
    end();
    expect(first.cancelled).toBe(1);
    expect(second.cancelled).toBe(0);
  });

  it("under way are stopped by a handover", () => {
    const post = begin();
    transport.handOver();
    expect(post.cancelled).toBe(1);
  });

  it("that have ended are not stopped", () => {
    const post = begin();
    transport.endPost();
    transport.close();
    transport.expire();
    expect(post.cancelled).toBe(0);
  });
});
