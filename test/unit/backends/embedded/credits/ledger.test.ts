import { describe, expect, it } from "vitest";
import { RETENTION_MS } from "../../../../../src/backends/embedded/credits/ledger.ts";
import { serverEvent } from "../../../../../src/events/catalogue.ts";
import { settled } from "../../../../support/fakes.ts";
import { LedgerHarness } from "./ledger-harness.ts";

const query = (requestId: string, amount = 10) => ({ requestId, action: "query", amount });

describe("a ledger", () => {
  it("opens with the welcome grant at its first use, once", async () => {
    const ledger = new LedgerHarness();
    expect(ledger.core.deduct(query("r1"))).toEqual({ ok: true, transactionId: "txn_2", newBalance: 90 });
    ledger.start();
    ledger.core.deduct(query("r2"));
    await settled();
    expect(ledger.room.told.filter(({ data }) => data.reason === "welcome")).toEqual([
      {
        event: "credits_granted",
        data: {
          amount: 100,
          newBalance: 100,
          reason: "welcome",
          transactionId: "txn_1",
          timestamp: 1_000_000,
        },
      },
    ]);
    expect(ledger.core.balance()).toEqual({ balance: 80, lifetimeEarned: 100, lifetimeSpent: 20 });
  });

  it("shows a user it has never seen what the first request will find, and stores nothing", () => {
    const ledger = new LedgerHarness();
    expect(ledger.core.balance()).toEqual({ balance: 100, lifetimeEarned: 100, lifetimeSpent: 0 });
    expect(ledger.core.settle("r1")).toBe("unknown");
    expect(ledger.core.refund("r1")).toBe("unknown");
    expect(ledger.rows("sqlite_master")).toBe(0);
    expect(ledger.alarmAt).toBeUndefined();
  });

  it("opens without a grant where there is no welcome", async () => {
    const ledger = new LedgerHarness({ welcome: 0 });
    expect(ledger.core.deduct(query("r1"))).toEqual({ ok: false, required: 10, available: 0 });
    await settled();
    expect(ledger.room.told).toEqual([]);
    ledger.core.grant({ transactionId: "g1", amount: 10, reason: "monthly" });
    expect(ledger.core.deduct(query("r1"))).toMatchObject({ ok: true, newBalance: 0 });
  });

  it("tells of each movement what has moved, then the balance, as the catalogue says", async () => {
    const ledger = new LedgerHarness();
    ledger.core.deduct(query("r1", 30));
    ledger.core.refund("r1");
    ledger.core.grant({ transactionId: "g1", amount: 5, reason: "monthly" });
    await settled();
    const rest = { applicationId: "app_1" };
    expect(ledger.room.told.slice(2)).toEqual([
      {
        event: "credits_deducted",
        data: {
          amount: 30,
          newBalance: 70,
          action: "query",
          transactionId: "txn_2",
          timestamp: 1_000_000,
        },
      },
      {
        event: "credit_balance_updated",
        data: { newBalance: 70, lifetimeEarned: 100, lifetimeSpent: 30, ...rest },
      },
      {
        event: "credits_granted",
        data: {
          amount: 30,
          newBalance: 100,
          reason: "refund",
          transactionId: "txn_2-refund",
          timestamp: 1_000_000,
        },
      },
      {
        event: "credit_balance_updated",
        data: { newBalance: 100, lifetimeEarned: 100, lifetimeSpent: 0, ...rest },
      },
      {
        event: "credits_granted",
        data: { amount: 5, newBalance: 105, reason: "monthly", transactionId: "g1", timestamp: 1_000_000 },
      },
      {
        event: "credit_balance_updated",
        data: { newBalance: 105, lifetimeEarned: 105, lifetimeSpent: 0, ...rest },
      },
    ]);
    for (const { event, data } of ledger.room.told)
      expect(serverEvent(event)?.schema.safeParse(data).success).toBe(true);
  });

  it("spends the last credit, and not one more", () => {
    const ledger = new LedgerHarness();
    expect(ledger.core.deduct(query("r1", 101))).toEqual({ ok: false, required: 101, available: 100 });
    expect(ledger.core.deduct(query("r2", 100))).toMatchObject({ ok: true, newBalance: 0 });
    expect(ledger.core.deduct(query("r3", 1))).toEqual({ ok: false, required: 1, available: 0 });
    expect(ledger.rows("deductions")).toBe(1);
  });

  it("answers a repeated deduction and a repeated grant as before, and moves nothing", () => {
    const ledger = new LedgerHarness();
    const first = ledger.core.deduct(query("r1"));
    ledger.core.deduct(query("r2"));
    expect(ledger.core.deduct(query("r1"))).toEqual(first);
    const grant = { transactionId: "g1", amount: 7, reason: "monthly" };
    expect(ledger.core.grant(grant)).toEqual({ outcome: "granted", newBalance: 87 });
    ledger.core.settle("r1");
    ledger.core.deduct(query("r3"));
    expect(ledger.core.grant(grant)).toEqual({ outcome: "repeated", newBalance: 87 });
    expect(ledger.core.balance().balance).toBe(77);
  });

  it("refuses a grant whose id was another's, and says whose", () => {
    const ledger = new LedgerHarness();
    ledger.core.grant({ transactionId: "g1", amount: 7, reason: "monthly" });
    const conflict = { outcome: "conflict", amount: 7, reason: "monthly" };
    expect(ledger.core.grant({ transactionId: "g1", amount: 8, reason: "monthly" })).toEqual(conflict);
    expect(ledger.core.grant({ transactionId: "g1", amount: 7, reason: "other" })).toEqual(conflict);
    expect(ledger.core.balance().balance).toBe(107);
  });

  it("takes the id of a grant for no request's, though they be equal", () => {
    const ledger = new LedgerHarness();
    ledger.core.deduct(query("x"));
    expect(ledger.core.grant({ transactionId: "x", amount: 7, reason: "r" })).toMatchObject({
      outcome: "granted",
    });
    expect(ledger.core.refund("x")).toBe("refunded");
    expect(ledger.core.balance()).toEqual({ balance: 107, lifetimeEarned: 107, lifetimeSpent: 0 });
  });

  it("settles and refunds once; the first of the two counts, and the other says so", () => {
    const ledger = new LedgerHarness();
    ledger.core.deduct(query("kept"));
    ledger.core.deduct(query("back"));
    expect([ledger.core.settle("kept"), ledger.core.settle("kept")]).toEqual(["settled", "settled"]);
    expect(ledger.core.refund("kept")).toBe("settled");
    expect([ledger.core.refund("back"), ledger.core.refund("back")]).toEqual(["refunded", "refunded"]);
    expect(ledger.core.settle("back")).toBe("refunded");
    expect(ledger.core.balance()).toEqual({ balance: 90, lifetimeEarned: 100, lifetimeSpent: 10 });
  });

  it("gives back what is held for too long, in its next life too, and leaves alone what is settled", async () => {
    const ledger = new LedgerHarness();
    ledger.core.deduct(query("dies"));
    ledger.core.deduct(query("lives"));
    ledger.core.settle("lives");
    await ledger.pass(LedgerHarness.HOLD / 2);
    ledger.core.deduct(query("later"));
    ledger.start();
    await ledger.pass(LedgerHarness.HOLD / 2 - 1);
    expect(ledger.core.balance().balance).toBe(70);
    await ledger.pass(1);
    expect(ledger.core.balance().balance).toBe(80);
    expect(ledger.core.settle("dies")).toBe("refunded");
    await ledger.pass(LedgerHarness.HOLD / 2);
    expect(ledger.core.balance()).toEqual({ balance: 90, lifetimeEarned: 100, lifetimeSpent: 10 });
    expect(ledger.room.told.filter(({ data }) => data.reason === "refund")).toHaveLength(2);
  });

  it("forgets old deductions but the held, never a grant, and no balance moves", async () => {
    const ledger = new LedgerHarness();
    ledger.core.grant({ transactionId: "g1", amount: 7, reason: "monthly" });
    ledger.core.deduct(query("old"));
    ledger.core.settle("old");
    await ledger.pass(RETENTION_MS - 1_000);
    ledger.core.deduct(query("new"));
    const before = ledger.core.balance();
    await ledger.pass(1_000 + 1);
    expect(ledger.core.settle("old")).toBe("unknown");
    expect(ledger.core.settle("new")).toBe("settled");
    expect(ledger.core.balance()).toEqual(before);
    expect(ledger.core.grant({ transactionId: "g1", amount: 7, reason: "monthly" }).outcome).toBe("repeated");
    await ledger.pass(2 * RETENTION_MS);
    expect([ledger.rows("deductions"), ledger.rows("outbox")]).toEqual([0, 0]);
    expect(ledger.alarmAt).toBeUndefined();
  });

  it("sleeps when all is told: no alarm is left but for what is kept", async () => {
    const ledger = new LedgerHarness();
    ledger.core.deduct(query("r1"));
    ledger.core.settle("r1");
    await ledger.pass(LedgerHarness.HOLD);
    expect(ledger.alarmAt).toBe(1_000_000 + RETENTION_MS);
  });

  it("stores a movement and what is told of it together, or neither", () => {
    const ledger = new LedgerHarness();
    ledger.core.grant({ transactionId: "g0", amount: 1, reason: "r" });
    for (const failing of [/INSERT INTO outbox/, /UPDATE account/, /INSERT INTO deductions/]) {
      ledger.storage.failing = failing;
      expect(() => ledger.core.deduct(query("r1"))).toThrow("disk");
      ledger.storage.failing = undefined;
      ledger.start();
      expect(ledger.core.balance().balance).toBe(101);
      expect(ledger.core.settle("r1")).toBe("unknown");
    }
  });
});

describe("what a ledger tells the personal room", () => {
  it("does not hold up its answers: what gathers meanwhile goes in one call", async () => {
    const ledger = new LedgerHarness();
    ledger.room.mood = "hang";
    for (let n = 1; n <= 20; n++) expect(ledger.core.deduct(query(`r${n}`, 1))).toMatchObject({ ok: true });
    await settled();
    // The welcome and the first deduction were stored together.
    expect(ledger.room.calls.map(({ length }) => length)).toEqual([4]);
    ledger.start();
    ledger.room.mood = "accept";
    await ledger.pass(5_000);
    expect(ledger.room.calls.map(({ length }) => length)).toEqual([4, 42]);
    expect(ledger.rows("outbox")).toBe(0);
  });

  it("waits for the alarm when the room cannot be had, and then comes in order", async () => {
    const ledger = new LedgerHarness();
    ledger.room.mood = "lose-call";
    for (let n = 1; n <= 5; n++) {
      ledger.core.deduct(query(`r${n}`, n));
      await settled();
    }
    expect(ledger.room.calls).toHaveLength(1);
    expect(ledger.errors).toHaveLength(1);
    await ledger.pass(5_000);
    expect(ledger.room.calls).toHaveLength(2);
    ledger.room.mood = "accept";
    await ledger.pass(5_000);
    const amounts = ledger.room.told.map(({ data }) => data.amount).filter((amount) => amount !== undefined);
    expect(amounts).toEqual([100, 1, 2, 3, 4, 5]);
    // The room is well again: the next movement waits for no alarm.
    ledger.core.deduct(query("r6", 6));
    await settled();
    expect(ledger.room.told.at(-2)?.data.amount).toBe(6);
  });

  it.each([0, 1, 2, 3, 4])("goes on where a room was overloaded after %i events", async (taken) => {
    const ledger = new LedgerHarness();
    ledger.room.mood = taken;
    ledger.core.deduct(query("r1", 1));
    await settled();
    ledger.core.deduct(query("r2", 2));
    ledger.room.mood = "accept";
    await ledger.pass(5_000);
    expect(ledger.room.told.map(({ event }) => event)).toEqual([
      ...["credits_granted", "credit_balance_updated"],
      ...["credits_deducted", "credit_balance_updated"],
      ...["credits_deducted", "credit_balance_updated"],
    ]);
  });
});
