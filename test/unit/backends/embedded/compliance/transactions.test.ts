import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeCursor, encodeCursor } from "../../../../../src/backends/embedded/compliance/cursor.ts";
import {
  type Transaction,
  type TransactionsPage,
  transactionsPage,
} from "../../../../../src/backends/embedded/compliance/transactions.ts";
import type {
  StoredTransfer,
  TransferKey,
} from "../../../../../src/backends/embedded/dataset/compliance-protocol.ts";
import { MAX_EVENT_BYTES } from "../../../../../src/events/catalogue.ts";
import { exceedsBytes } from "../../../../../src/lib/utf8.ts";
import { TestDataset, transfer } from "./dataset.ts";

const CHAIN = "made-up";

/** A page as the handler makes it. */
const page = async (
  { rpc }: TestDataset,
  address: string,
  limit: number,
  cursor: string | null,
): Promise<TransactionsPage> => {
  const after = cursor === null ? undefined : decodeCursor(CHAIN, address, cursor);
  if (after?.ok === false) throw new Error(after.error);
  const asked = { chain: CHAIN, address, limit: limit + 1, ...(after && { after: after.value }) };
  const stored = await rpc.addressPage(asked);
  if (!stored.known) throw new Error("The chain is not known.");
  return transactionsPage(CHAIN, address, stored.value, limit);
};

const name = ({ timestamp, hash, position }: TransferKey): string => `${timestamp} ${hash} ${position}`;

const newestFirst = (a: TransferKey, b: TransferKey): number =>
  b.timestamp - a.timestamp || compare(b.hash, a.hash) || b.position - a.position;

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

// Few times and hashes: many transfers differ in one of the three parts only.
const rows = fc.uniqueArray(
  fc.record({
    timestamp: fc.nat({ max: 3 }),
    hash: fc.constantFrom("h1", "h2", "h3"),
    position: fc.nat({ max: 3 }),
    from_address: fc.constantFrom("A", "B"),
    to_address: fc.constantFrom("A", "B", "C"),
  }),
  { selector: ({ hash, position }) => `${hash} ${position}`, maxLength: 12 },
);

describe("paging", () => {
  it("gives every transfer once, newest first, whatever comes in meanwhile", async () => {
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.array(fc.nat({ max: 6 }), { maxLength: 3 })),
        async (initial, limit, inserts) => {
          const dataset = new TestDataset();
          dataset.insert("transfers", [transfer({ hash: "other", from_address: "X", to_address: "Y" })]);
          dataset.insert("transfers", initial.map(transfer));
          const seen: Transaction[] = [];
          let cursor: string | null = null;
          let inserted = 0;
          do {
            const { transactions, nextCursor }: TransactionsPage = await page(dataset, "A", limit, cursor);
            expect(transactions.length).toBeLessThanOrEqual(limit);
            expect(transactions.length > 0 || nextCursor === null).toBe(true);
            seen.push(...transactions);
            cursor = nextCursor;
            // Some are newer than the cursor, some older.
            for (const timestamp of inserted < 20 ? inserts.next().value : []) {
              dataset.insert("transfers", [transfer({ hash: `new${inserted++}`, timestamp })]);
            }
          } while (cursor !== null);

          expect(seen).toEqual([...seen].sort(newestFirst));
          expect(new Set(seen.map(name)).size).toBe(seen.length);
          const mine = initial.filter(({ from_address, to_address }) =>
            [from_address, to_address].includes("A"),
          );
          const old = seen.filter(({ hash }) => !hash.startsWith("new"));
          expect(old.map(name).sort()).toEqual(mine.map(name).sort());
        },
      ),
    );
  });

  it("what comes in newer than the cursor is on no later page", async () => {
    const dataset = new TestDataset();
    dataset.insert(
      "transfers",
      [1, 2, 3, 4].map((timestamp) => transfer({ hash: `h${timestamp}`, timestamp })),
    );
    const first = await page(dataset, "A", 2, null);
    dataset.insert("transfers", [
      transfer({ hash: "h5", timestamp: 5 }),
      transfer({ hash: "h3b", timestamp: 3 }),
    ]);
    const second = await page(dataset, "A", 2, first.nextCursor);
    expect(first.transactions.map(({ hash }) => hash)).toEqual(["h4", "h3"]);
    expect(second.transactions.map(({ hash }) => hash)).toEqual(["h2", "h1"]);
    expect(second.nextCursor).toBeNull();
  });

  it("a page ends before it is too large for an event", async () => {
    const long = "é".repeat(200);
    const stored: StoredTransfer[] = Array.from({ length: 1_000 }, (_, n) => ({
      ...{ timestamp: 5_000 - n, hash: `${long.slice(4)}${n}`, position: 0 },
      ...{ from: "A", to: long, asset: long.slice(0, 50), amount: "1".repeat(160), usd: null },
    }));
    const result = transactionsPage(CHAIN, "A", stored, 1_000);
    expect(result.transactions.length).toBeGreaterThan(500);
    expect(result.transactions.length).toBeLessThan(1_000);
    expect(exceedsBytes(JSON.stringify(result), MAX_EVENT_BYTES - 200)).toBe(false);
    const last = stored[result.transactions.length - 1];
    expect(decodeCursor(CHAIN, "A", result.nextCursor ?? "")).toMatchObject({ value: { hash: last?.hash } });
  });
});

describe("transactions", () => {
  it("say which way the transfer went, and with whom", async () => {
    const dataset = new TestDataset();
    dataset.insert("transfers", [
      transfer({ hash: "sent", timestamp: 3, amount: "0.10", usd: 0.1 }),
      transfer({ hash: "received", timestamp: 2, from_address: "C", to_address: "A", position: 7 }),
      transfer({ hash: "self", timestamp: 1, to_address: "A" }),
    ]);
    const { transactions } = await page(dataset, "A", 10, null);
    expect(transactions).toEqual([
      {
        ...{ hash: "sent", position: 0, timestamp: 3, direction: "out", counterparty: "B" },
        ...{ asset: "X", amount: "0.10", usd: 0.1 },
      },
      {
        ...{ hash: "received", position: 7, timestamp: 2, direction: "in", counterparty: "C" },
        ...{ asset: "X", amount: "1", usd: null },
      },
      {
        ...{ hash: "self", position: 0, timestamp: 1, direction: "self", counterparty: "A" },
        ...{ asset: "X", amount: "1", usd: null },
      },
    ]);
  });

  it("an address without transfers has an empty page", async () => {
    const dataset = new TestDataset();
    dataset.insert("transfers", [transfer({ hash: "h" })]);
    expect(await page(dataset, "nobody", 10, null)).toEqual({
      ...{ chain: CHAIN, address: "nobody", transactions: [], nextCursor: null },
    });
  });
});

describe("cursors", () => {
  it("come back as they went", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 50 }),
        fc.nat(),
        (timestamp, hash, position) => {
          const key = { timestamp, hash, position };
          expect(decodeCursor(CHAIN, "A", encodeCursor(CHAIN, "A", key))).toEqual({ ok: true, value: key });
        },
      ),
    );
  });

  it("of another address are refused", () => {
    const cursor = encodeCursor(CHAIN, "A", { timestamp: 1, hash: "h", position: 0 });
    for (const result of [decodeCursor(CHAIN, "B", cursor), decodeCursor("other", "A", cursor)]) {
      expect(result).toEqual({
        ok: false,
        error: "The cursor is of another address. Send it with the chain and address that it came for.",
      });
    }
  });

  it.each(["", "x", "bm9wZQ", "W10", btoa('[2,"",1,"h",0]'), btoa('[1,"",-1,"h",0]'), btoa('[1,"",1,"",0]')])(
    "%j is none",
    (cursor) => {
      expect(decodeCursor(CHAIN, "A", cursor.replaceAll("=", ""))).toEqual({
        ok: false,
        error: "The cursor is not one of ours. Send nextCursor as it came, or none.",
      });
    },
  );
});
