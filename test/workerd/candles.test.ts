import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Joined, Publication } from "../../src/rooms/protocol.ts";
import { tell } from "./support/tell.ts";

const roomOf = (symbol: string) => env.ROOMS.getByName(`market:${symbol}`);

const live = (timestamp: number, values: object = {}): Publication => {
  const bar = { open: "1.50", high: 2, low: "1", close: 1.5, volume: "0.10", timestamp, ...values };
  return {
    body: JSON.stringify(["market_chart_live_update", bar]),
    delivery: "volatile",
    bar,
  };
};

/** Everything that an object has stored, and when it is to wake. */
const storedBy = (stub: ReturnType<typeof roomOf>) =>
  runInDurableObject(stub, async (_, { storage }) => ({
    tables: storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master").toArray(),
    values: [...storage.kv.list()],
    alarm: await storage.getAlarm(),
  }));

describe("MKT-2 candles, on real objects", () => {
  it("come from the room's bars, and outlive its object, each value as it came in", async () => {
    const stub = roomOf("LIFE-USD");
    const odd = {
      open: "0001.50",
      high: 9007199254740991,
      low: 1e-9,
      close: "9007199254740993",
      volume: 1e21,
    };
    await stub.publish([{ ...live(60_000, odd), id: "a" }, live(0), live(1_000)]);
    const expected = {
      ok: true,
      value: [
        { open: "1.50", high: 2, low: "1", close: 1.5, volume: "0.2", timestamp: 0 },
        { ...odd, timestamp: 60_000 },
      ],
    };
    expect(await stub.candles({ userId: "u", resolution: "1m" })).toEqual(expected);
    await evictDurableObject(stub);
    expect(await stub.candles({ userId: "u", resolution: "1m" })).toEqual(expected);
    const [joined] = (await tell(stub, "local-3", [
      { op: "join", snapshot: true, socketId: "s", userId: "u", connection: 1 },
    ])) as [Joined];
    expect(joined.snapshot?.map((body) => JSON.parse(body))).toEqual([
      [
        "market_chart_initial_data",
        {
          symbol: "LIFE-USD",
          series: [live(0).bar, live(1_000).bar, { ...odd, timestamp: 60_000 }],
        },
      ],
    ]);
  });

  it("of a symbol that nobody has used are not found, and asking for them stores nothing", async () => {
    const stub = roomOf("NOBODY-USD");
    const message = "There are no bars in market:NOBODY-USD. Check the symbol.";
    const refused = { ok: false, error: { code: "NOT_FOUND", message } };
    expect(await stub.candles({ userId: "u", resolution: "1m" })).toEqual(refused);
    expect(await storedBy(stub)).toEqual({ tables: [], values: [], alarm: null });
    await evictDurableObject(stub);
    expect(await stub.candles({ userId: "u", resolution: "1m" })).toEqual(refused);
    expect(await storedBy(stub)).toEqual({ tables: [], values: [], alarm: null });
    // What comes to be kept opens the room after all.
    await stub.publish([live(0)]);
    expect(await stub.candles({ userId: "u", resolution: "1m" })).toMatchObject({ ok: true });
  });

  it("that take long to read hold up nothing that is published meanwhile", async () => {
    const stub = roomOf("LONG-USD");
    const DAY = 86_400;
    for (let from = 0; from < DAY; from += 10_800) {
      const publications = Array.from({ length: 10_800 }, (_, n) => live((from + n) * 1_000));
      await stub.publish([{ ...publications[0], id: `${from}` } as Publication, ...publications.slice(1)]);
    }
    const reads = [1, 2, 3].map(() =>
      stub.candles({ userId: "u", resolution: "1d", window: { from: 0, to: 1 } }),
    );
    let open = reads.length;
    for (const read of reads) void read.then(() => open--);
    let published = 0;
    while (open > 0) {
      await stub.publish([{ body: "[]", delivery: "transient" }]);
      if (open === reads.length) published++;
    }
    for (const read of reads) {
      expect(await read).toMatchObject({ ok: true, value: [{ volume: "8640", timestamp: 0 }] });
    }
    // Three reads are 519 pages.
    expect(published).toBeGreaterThan(100);
  });
});
