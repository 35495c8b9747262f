import { expect, it } from "vitest";
import { shippedDataset } from "./dataset.ts";

/** How SQLite goes about what is read. */
const plansOf = async (read: (rpc: ReturnType<typeof shippedDataset>["rpc"]) => Promise<unknown>) => {
  const { sql, rpc } = shippedDataset();
  const plans: string[] = [];
  const { exec } = sql;
  sql.exec = (query, ...bindings) => {
    const steps = exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...bindings).toArray();
    plans.push(...steps.map(({ detail }) => detail));
    return exec(query, ...bindings);
  };
  await read(rpc);
  return plans;
};

const AFTER = { timestamp: 1, hash: "h", position: 0 };

it("a page is read by the indexes of senders and receivers, from the cursor on", async () => {
  const plans = await plansOf((rpc) =>
    rpc.addressPage({ chain: "tron", address: "T", limit: 10, after: AFTER }),
  );
  const bound = "(timestamp,hash,position)<(?,?,?)";
  expect(plans).toContain(
    `SEARCH transfers USING INDEX transfers_by_sender (chain=? AND from_address=? AND ${bound})`,
  );
  expect(plans).toContain(
    `SEARCH transfers USING INDEX transfers_by_receiver (chain=? AND to_address=? AND ${bound})`,
  );
});

it.each([
  ["in", "transfers_by_receiver (chain=? AND to_address=? AND timestamp<?)"],
  ["out", "transfers_by_sender (chain=? AND from_address=? AND timestamp>?)"],
] as const)(
  "what an address has %s is read by its index, newest first, without sorting",
  async (side, index) => {
    const addresses = [{ address: "T", time: 5 }];
    const plans = await plansOf((rpc) => rpc.transfersOf({ chain: "tron", side, addresses, perAddress: 10 }));
    expect(plans).toEqual([
      `SEARCH transfers USING INDEX ${index}`,
      "SCAN asked VIRTUAL TABLE INDEX 1:",
      "SEARCH l USING PRIMARY KEY (chain=? AND address=?)",
    ]);
  },
);

it("a slice of a window is read by time, without sorting", async () => {
  const plans = await plansOf((rpc) =>
    rpc.corridorSlice({ from: "US", to: "MX", start: 0, end: 9, after: { ...AFTER, chain: "c" } }),
  );
  expect(plans[0]).toBe("SEARCH t USING INDEX transfers_by_time (timestamp>? AND timestamp<?)");
  expect(plans).not.toContain("USE TEMP B-TREE FOR ORDER BY");
});

it("the chains of a dataset are found without reading all of it", async () => {
  const plans = await plansOf(async (rpc) => {
    expect(await rpc.addressLabels("no-such-chain", "x")).toMatchObject({
      known: false,
      chains: expect.arrayContaining(["bitcoin", "ethereum", "tron", "zcash"]),
    });
  });
  expect(plans.filter((plan) => /^SCAN (transfers|address_labels)/.test(plan))).toEqual([]);
});

it("one call reads about as much as a call should, and goes on where it stopped", async () => {
  const { rpc, sql } = shippedDataset();
  for (let n = 0; n < 12_000; n++) {
    sql.exec(
      "INSERT INTO transfers VALUES ('many', ?, 0, ?, 'S', ?, 'X', '1', NULL)",
      `h${n}`,
      n,
      `R${n % 3}`,
    );
  }
  const addresses = ["R0", "R1", "R2"].map((address) => ({ address, time: 1e9 }));
  const query = { chain: "many", side: "in", addresses, perAddress: 3_000 } as const;
  const first = await rpc.transfersOf(query);
  expect(first.addresses.map(({ address, transfers, more }) => [address, transfers.length, more])).toEqual([
    ["R0", 3_000, true],
    ["R1", 3_000, true],
  ]);
});
