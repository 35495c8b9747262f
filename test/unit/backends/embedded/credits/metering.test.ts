import { describe, expect, it } from "vitest";
import type { Backend, BackendEvent, BackendRequest, Started } from "../../../../../src/backends/backend.ts";
import { metered } from "../../../../../src/backends/embedded/credits/metering.ts";
import type { Deduction } from "../../../../../src/backends/embedded/credits/protocol.ts";
import { Deferred, settled } from "../../../../support/fakes.ts";
import { LedgerHarness } from "./ledger-harness.ts";

const request = (over: Partial<BackendRequest> = {}): BackendRequest => ({
  id: "req_1",
  event: "query",
  payload: { sql: "SELECT 1", applicationId: "app_1" },
  userId: "user_1",
  socketId: "s1",
  applicationId: "app_1",
  applications: ["app_1"],
  ...over,
});

const STARTED: BackendEvent = { event: "query_started", data: { estimatedMs: 1 } };
const PROGRESS: BackendEvent = { event: "query_progress", data: { rowsProcessed: 1, pct: 10 } };
const ROWS: BackendEvent = { event: "query_response", data: { rows: [], schema: [] } };
const COMPLETED: BackendEvent = { event: "query_completed", data: { durationMs: 1, totalRows: 0 } };
const FAILED: BackendEvent = { event: "query_error", data: { code: "NOT_FOUND", message: "No table." } };

/** What the platform throws when a call may succeed if made anew. */
const transient = () => Object.assign(new Error("The connection broke."), { retryable: true });

/** Requests against a real ledger core; the calls of it may fail on their way there or back. */
class Metering {
  readonly ledger = new LedgerHarness();
  readonly names: string[] = [];
  readonly logged: string[] = [];
  readonly pending: Promise<void>[] = [];
  readonly calls: string[] = [];
  /** What becomes of each next call of the ledger; when empty it arrives. */
  readonly fates: ("lost" | "unanswered" | "broken")[] = [];
  started = 0;
  returned = 0;

  /** Starts a request against a backend that answers `start`. */
  run(
    start: () => Promise<Started>,
    {
      over = {},
      signal = new AbortController().signal,
    }: { over?: Partial<BackendRequest>; signal?: AbortSignal } = {},
  ): Promise<Started> {
    const backend: Backend = {
      start: () => {
        this.started++;
        return start();
      },
    };
    const deps = {
      ledgers: {
        getByName: (name: string) => {
          this.names.push(name);
          return {
            deduct: (deduction: Deduction) => this.#call("deduct", () => this.ledger.core.deduct(deduction)),
            settle: (id: string) => this.#call("settle", () => this.ledger.core.settle(id)),
            refund: (id: string) => this.#call("refund", () => this.ledger.core.refund(id)),
          };
        },
      },
      costs: new Map([
        ["query", 10],
        ["chat", 3],
        ["cross_border_flows", 0],
      ]),
      sleep: async () => {},
      waitUntil: (work: Promise<void>) => void this.pending.push(work),
      log: (_: string, event: string) => void this.logged.push(event),
    };
    return metered(backend, deps).start(request(over), signal);
  }

  /** The same with a backend that accepts, and answers with `events`. */
  async events(
    events: () => AsyncIterable<BackendEvent>,
    options: Parameters<Metering["run"]>[1] = {},
  ): Promise<AsyncIterable<BackendEvent>> {
    const started = await this.run(async () => ({ status: "accepted", events: events() }), options);
    if (started.status !== "accepted") throw new Error(`It was ${started.status}.`);
    return started.events;
  }

  /** `["balance", "spent"]` */
  get account(): [number, number] {
    const { balance, lifetimeSpent } = this.ledger.core.balance();
    return [balance, lifetimeSpent];
  }

  async #call<T>(name: string, run: () => T): Promise<T> {
    this.calls.push(name);
    const fate = this.fates.shift();
    if (fate === "lost") throw transient();
    if (fate === "broken") throw new Error("The ledger is broken.");
    const answer = run();
    if (fate === "unanswered") throw transient();
    return answer;
  }
}

const CHARGED = [90, 10];
const FREE = [100, 0];

/** An answer of these events; `returned` is told when it is let go. */
const answerOf = (metering: Metering, ...events: readonly (BackendEvent | Error)[]) =>
  async function* (): AsyncGenerator<BackendEvent> {
    try {
      for (const event of events) {
        if (event instanceof Error) throw event;
        yield event;
      }
    } finally {
      metering.returned++;
    }
  };

/** All events, and the balance when each came. */
const readAll = async (metering: Metering, events: AsyncIterable<BackendEvent>) => {
  const read: [string, number][] = [];
  for await (const { event } of events) read.push([event, metering.account[0]]);
  return read;
};

describe("REQ-3 metering", () => {
  it("deducts before work, and keeps it once there is a result, which is passed on after that", async () => {
    const metering = new Metering();
    const answer = answerOf(metering, STARTED, PROGRESS, ROWS, PROGRESS, ROWS, COMPLETED);
    const events = await metering.events(answer);
    expect([metering.calls, metering.account]).toEqual([["deduct"], CHARGED]);
    const read: string[] = [];
    for await (const { event } of events) {
      read.push(event);
      const before = ["query_started", "query_progress"];
      if (read.length <= 2)
        expect([read.at(-1), metering.calls]).toEqual([before[read.length - 1], ["deduct"]]);
      if (event === "query_response") expect(metering.calls).toEqual(["deduct", "settle"]);
    }
    expect(read).toEqual([
      ...["query_started", "query_progress", "query_response"],
      ...["query_progress", "query_response", "query_completed"],
    ]);
    expect([metering.account, metering.returned]).toEqual([CHARGED, 1]);
    expect(metering.names).toEqual(["app_1|user_1", "app_1|user_1"]);
    expect(metering.ledger.core.refund("req_1")).toBe("settled");
  });

  it("runs what is free without a ledger", async () => {
    const metering = new Metering();
    for (const event of ["cross_border_flows", "request_market_data"] as const) {
      const events = await metering.events(answerOf(metering, ROWS), { over: { event } });
      expect(await readAll(metering, events)).toHaveLength(1);
    }
    expect([metering.names, metering.ledger.rows("sqlite_master")]).toEqual([[], 0]);
  });

  it("refuses what costs more than there is, and runs nothing", async () => {
    const metering = new Metering();
    metering.ledger.core.deduct({ requestId: "other", action: "query", amount: 91 });
    const started = await metering.run(async () => ({ status: "deferred" }));
    expect(started).toEqual({
      status: "refused",
      refusal: { event: "insufficient_credits", data: { required: 10, available: 9, action: "query" } },
    });
    expect([metering.started, metering.account]).toEqual([0, [9, 91]]);
  });

  it.each<[string, (BackendEvent | Error)[], string[]]>([
    ["ends without a result", [STARTED, PROGRESS], ["query_started", "query_progress"]],
    ["fails", [STARTED, FAILED, ROWS], ["query_started", "query_error"]],
    ["is empty", [], []],
  ])("gives back what was deducted when the answer %s", async (_, answer, names) => {
    const metering = new Metering();
    const read = await readAll(metering, await metering.events(answerOf(metering, ...answer)));
    expect(read.map(([event]) => event)).toEqual(names);
    // Whoever sees the failure has the credits back.
    for (const [event, balance] of read) expect(balance).toBe(event === "query_error" ? 100 : 90);
    expect([metering.account, metering.returned]).toEqual([FREE, 1]);
  });

  it("gives back what was deducted when the first result breaks the catalogue: it reaches nobody", async () => {
    const metering = new Metering();
    const broken: BackendEvent = { event: "query_response", data: { rows: "none" } };
    const events = await metering.events(answerOf(metering, STARTED, broken, COMPLETED));
    await readAll(metering, events);
    expect([metering.account, metering.returned]).toEqual([FREE, 1]);
  });

  it("gives back what was deducted when the answer throws, and throws the same", async () => {
    const metering = new Metering();
    const events = await metering.events(answerOf(metering, STARTED, new Error("a bug")));
    await expect(readAll(metering, events)).rejects.toThrow("a bug");
    expect(metering.account).toEqual(FREE);
  });

  it("gives back what was deducted when the request does not start", async () => {
    const metering = new Metering();
    const starting = metering.run(async () => {
      throw new Error("a bug");
    });
    await expect(starting).rejects.toThrow("a bug");
    expect(metering.account).toEqual(FREE);
    const refusal = { event: "error", data: { code: "NOT_FOUND", message: "None." } } as const;
    const over = { id: "req_2" };
    expect(await metering.run(async () => ({ status: "refused", refusal }), { over })).toEqual({
      status: "refused",
      refusal,
    });
    expect(metering.account).toEqual(FREE);
  });

  it("keeps what was deducted when the answer fails after its first result, or will come later", async () => {
    const metering = new Metering();
    const failing = await metering.events(answerOf(metering, ROWS, FAILED));
    expect((await readAll(metering, failing)).map(([event]) => event)).toEqual([
      "query_response",
      "query_error",
    ]);
    const breaking = await metering.events(answerOf(metering, ROWS, new Error("a bug")), {
      over: { id: "req_2" },
    });
    await expect(readAll(metering, breaking)).rejects.toThrow("a bug");
    expect(metering.account).toEqual([80, 20]);
    const deferred = await metering.run(async () => ({ status: "deferred" }), { over: { id: "req_3" } });
    expect(deferred).toEqual({ status: "deferred" });
    expect(metering.ledger.core.refund("req_3")).toBe("settled");
  });

  it("takes a delta of chat for a result, typing for none", async () => {
    const metering = new Metering();
    const over = { event: "chat", payload: { conversationId: "c", message: "m" } } as const;
    const typing: BackendEvent[] = [
      { event: "chat_typing", data: {} },
      { event: "chat_stop_typing", data: {} },
    ];
    await readAll(metering, await metering.events(answerOf(metering, ...typing), { over }));
    expect(metering.account).toEqual(FREE);
    const delta: BackendEvent = {
      event: "chat_message",
      data: { role: "assistant", delta: "x", isFinal: false },
    };
    const spoken = answerOf(metering, ...typing, delta, { event: "chat_error", data: {} });
    await readAll(metering, await metering.events(spoken, { over: { ...over, id: "req_2" } }));
    expect(metering.account).toEqual([97, 3]);
  });
});

describe("REQ-3 metering of a request that nobody waits for any more", () => {
  it.each([0, 1, 2])("gives back what was deducted when the consumer stops after %i events", async (read) => {
    const metering = new Metering();
    const events = await metering.events(answerOf(metering, STARTED, PROGRESS, ROWS));
    const iterator = events[Symbol.asyncIterator]();
    const controller = new AbortController();
    for (let n = 0; n < read; n++) await iterator.next();
    await iterator.return?.();
    controller.abort();
    // A generator that was never asked never learns of its end: that hold lapses.
    if (read === 0) await metering.ledger.pass(LedgerHarness.HOLD);
    expect(metering.account).toEqual(FREE);
    expect(metering.returned).toBe(read === 0 ? 0 : 1);
  });

  it.each([3, 4])("keeps what was deducted when the consumer stops after %i events", async (read) => {
    const metering = new Metering();
    const events = await metering.events(answerOf(metering, STARTED, PROGRESS, ROWS, ROWS));
    const iterator = events[Symbol.asyncIterator]();
    for (let n = 0; n < read; n++) await iterator.next();
    await iterator.return?.();
    expect([metering.account, metering.returned]).toEqual([CHARGED, 1]);
  });

  it("gives back at once what was deducted for work that heeds no abort, and passes on nothing of it", async () => {
    const metering = new Metering();
    const controller = new AbortController();
    const late = new Deferred<void>();
    const events = await metering.events(
      async function* () {
        yield STARTED;
        await late.promise;
        yield ROWS;
      },
      { signal: controller.signal },
    );
    const iterator = events[Symbol.asyncIterator]();
    await iterator.next();
    const next = iterator.next();
    controller.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(metering.account).toEqual(FREE);
    late.resolve();
    await settled();
    expect([metering.account, metering.calls]).toEqual([FREE, ["deduct", "refund"]]);
  });

  it("gives back what was deducted for an answer that is never read", async () => {
    const metering = new Metering();
    const controller = new AbortController();
    await metering.events(answerOf(metering, ROWS), { signal: controller.signal });
    controller.abort();
    await Promise.all(metering.pending);
    expect(metering.account).toEqual(FREE);
  });

  it("does not run what was cancelled while its credits were deducted", async () => {
    const metering = new Metering();
    const signal = AbortSignal.abort();
    const started = await metering.run(async () => ({ status: "deferred" }), { signal });
    expect(started).toMatchObject({ status: "refused", refusal: { data: { code: "INTERNAL" } } });
    expect([metering.started, metering.account]).toEqual([0, FREE]);
  });

  it("an abort after the first result changes nothing", async () => {
    const metering = new Metering();
    const controller = new AbortController();
    const events = await metering.events(answerOf(metering, ROWS, COMPLETED), { signal: controller.signal });
    for await (const _ of events) controller.abort();
    await Promise.all(metering.pending);
    expect(metering.account).toEqual(CHARGED);
  });
});

describe("REQ-3 metering over a network that fails", () => {
  it.each([[["lost"]], [["unanswered"]], [["unanswered", "lost", "unanswered"]]] as const)(
    "charges once when calls are %j",
    async (fates) => {
      const metering = new Metering();
      metering.fates.push(...fates);
      const events = await metering.events(answerOf(metering, ROWS));
      metering.fates.push(...fates);
      await readAll(metering, events);
      expect(metering.account).toEqual(CHARGED);
      expect(metering.ledger.core.refund("req_1")).toBe("settled");
    },
  );

  it.each([
    ["lost", ["lost", "lost", "lost", "lost"]],
    ["unanswered", ["unanswered", "unanswered", "unanswered", "unanswered"]],
    ["broken", ["broken"]],
  ] as const)("refuses when the deduction stays %s; no charge stays", async (_, fates) => {
    const metering = new Metering();
    metering.fates.push(...fates);
    const started = await metering.run(async () => ({ status: "deferred" }));
    expect(started).toMatchObject({
      status: "refused",
      refusal: { event: "error", data: { code: "INTERNAL", retryAfter: 5 } },
    });
    expect([metering.started, metering.logged]).toEqual([0, ["deduct_failed"]]);
    await metering.ledger.pass(LedgerHarness.HOLD);
    expect(metering.account).toEqual(FREE);
  });

  it("gives back what the hold still has when the refund does not arrive", async () => {
    const metering = new Metering();
    const events = await metering.events(answerOf(metering, FAILED));
    metering.fates.push("broken");
    expect(await readAll(metering, events)).toEqual([["query_error", 90]]);
    expect(metering.logged).toEqual(["hold_not_closed"]);
    await metering.ledger.pass(LedgerHarness.HOLD);
    expect(metering.account).toEqual(FREE);
  });

  it("logs a result that comes after its hold has lapsed", async () => {
    const metering = new Metering();
    const events = await metering.events(answerOf(metering, ROWS));
    await metering.ledger.pass(LedgerHarness.HOLD);
    await readAll(metering, events);
    expect([metering.logged, metering.account]).toEqual([["hold_lapsed"], FREE]);
  });
});
