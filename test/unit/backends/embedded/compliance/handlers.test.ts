import { beforeEach, describe, expect, it } from "vitest";
import { answer } from "../../../../../src/backends/answer.ts";
import type { BackendRequest, Handler } from "../../../../../src/backends/backend.ts";
import {
  addressAnalysisHandler,
  addressTransactionsHandler,
  crossBorderFlowsHandler,
} from "../../../../../src/backends/embedded/compliance.ts";
import { label, shippedDataset, TestDataset, transfer } from "./dataset.ts";

type Name = "address_analysis" | "address_transactions" | "cross_border_flows";
type Events = readonly (readonly [event: string, data: Readonly<Record<string, unknown>>])[];

const NOW = Date.parse("2024-09-01");
const SANCTIONED = "0x8589427373d6d84e98730d7795d8f6f8731fda16";
const JOB = { jobId: "job_1" };

let dataset: TestDataset;
/** Calls of the dataset that fail before one succeeds. */
let failures: object[];
let asked: string[];
let logged: unknown[][];
let now: number;

beforeEach(() => {
  dataset = shippedDataset();
  failures = [];
  asked = [];
  logged = [];
  now = NOW;
});

const deps = {
  datasets: {
    getByName: (name: string) => {
      asked.push(name);
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return dataset.rpc;
    },
  },
  clock: () => now++,
  sleep: async () => {},
  log: (...line: unknown[]) => void logged.push(line),
};

const handlers: { readonly [N in Name]: Handler<N> } = {
  address_analysis: addressAnalysisHandler(deps),
  address_transactions: addressTransactionsHandler(deps),
  cross_border_flows: crossBorderFlowsHandler(deps),
};

/** What a client gets: events that passed the catalogue, with their ids. */
const ask = async <N extends Name>(
  event: N,
  payload: BackendRequest<N>["payload"],
  signal = new AbortController().signal,
): Promise<Events> => {
  const request: BackendRequest<N> = {
    ...{ id: "job_1", event, payload, userId: "u", socketId: "s" },
    ...{ applicationId: "demo", applications: ["demo"] },
  };
  const handler: Handler<N> = handlers[event];
  const events: (readonly [string, Readonly<Record<string, unknown>>])[] = [];
  const bodies = answer(request, handler(request, signal), signal, deps.log);
  for await (const { body } of bodies) events.push(JSON.parse(body));
  return events;
};

const error = (code: string, message: string | RegExp) => [
  [
    "address_analysis_error",
    { ...JOB, code, message: typeof message === "string" ? message : expect.stringMatching(message) },
  ],
];

const NOT_TRON = "This is no address of tron. Expected T and 33 characters of Base58 with their checksum.";

describe("address_analysis", () => {
  it("REQ-3: tells its start, its progress, the result and how long it took", async () => {
    const events = await ask("address_analysis", { chain: "ethereum", address: SANCTIONED });
    expect(events.map(([name]) => name)).toEqual([
      "address_analysis_started",
      ...new Array(6).fill("address_analysis_progress"),
      "address_analysis_response",
      "address_analysis_completed",
    ]);
    const [, response] = events.find(([name]) => name === "address_analysis_response") ?? [];
    expect(response).toMatchObject({ ...JOB, chain: "ethereum", address: SANCTIONED, hops: 2 });
    expect(response).toMatchObject({ riskScore: 100, riskLevel: "severe" });
    expect(events.at(-1)).toEqual(["address_analysis_completed", { ...JOB, durationMs: 1 }]);
    expect(new Set(asked)).toEqual(new Set(["demo"]));
  });

  it("looks an address up in its normal form", async () => {
    const address = `0x${SANCTIONED.slice(2).toUpperCase()}`;
    const events = await ask("address_analysis", { chain: "ethereum", address, hops: 1 });
    expect(events.at(-2)?.[1]).toMatchObject({ address: SANCTIONED, riskScore: 100 });
  });

  it("an address that is none is VALIDATION_FAILED, and never in the message", async () => {
    const events = await ask("address_analysis", { chain: "tron", address: SANCTIONED });
    expect(events).toEqual(error("VALIDATION_FAILED", NOT_TRON));
    expect(asked).toEqual([]);
  });

  it("an unknown chain is NOT_FOUND, with those that are known", async () => {
    expect(await ask("address_analysis", { chain: "dogechain", address: "x" })).toEqual(
      error(
        "NOT_FOUND",
        /^The application has no data of the chain dogechain\. It has arbitrum, bitcoin, .*zcash\.$/,
      ),
    );
    dataset = new TestDataset();
    expect(
      await ask("address_analysis", { chain: "bitcoin", address: "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu" }),
    ).toEqual(error("NOT_FOUND", /It has none: import transfers or labels\.$/));
  });

  it("a chain whose addresses cannot be checked is answered like any other", async () => {
    dataset.insert("address_labels", [label({ chain: "dogechain", address: "x", category: "scam" })]);
    const events = await ask("address_analysis", { chain: "dogechain", address: "x" });
    expect(events.at(-2)?.[1]).toMatchObject({ riskScore: 80, riskLevel: "severe" });
  });

  it("REQ-1: a dataset that fails is tried again, and then INTERNAL", async () => {
    failures = [Object.assign(new Error("moved"), { retryable: true })];
    const again = await ask("address_analysis", { chain: "ethereum", address: SANCTIONED });
    expect(again.at(-1)?.[0]).toBe("address_analysis_completed");
    failures = [new Error("a secret of the platform")];
    expect(await ask("address_analysis", { chain: "ethereum", address: SANCTIONED })).toEqual([
      [
        "address_analysis_error",
        {
          ...{ ...JOB, code: "INTERNAL", retryAfter: 5 },
          message: "The data of the application cannot be read now. Try again.",
        },
      ],
    ]);
    expect(logged).toEqual([
      ["error", "compliance_failed", expect.objectContaining({ applicationId: "demo" })],
    ]);
  });

  it("ends without a word in the log when nobody waits any more", async () => {
    const events = await ask(
      "address_analysis",
      { chain: "ethereum", address: SANCTIONED },
      AbortSignal.abort(),
    );
    expect(events.map(([name]) => name)).toEqual(["address_analysis_started"]);
    expect(logged).toEqual([]);
  });
});

describe("address_transactions", () => {
  const all = async (limit?: number) => {
    const pages: (readonly unknown[])[] = [];
    let cursor: string | null | undefined;
    do {
      const [only] = await ask("address_transactions", {
        ...{ chain: "ethereum", address: SANCTIONED },
        ...(limit !== undefined && { limit }),
        ...(cursor && { cursor }),
      });
      expect(only?.[0]).toBe("address_transactions_response");
      pages.push(only?.[1].transactions as readonly unknown[]);
      cursor = only?.[1].nextCursor as string | null;
    } while (cursor);
    return pages;
  };

  it("pages are together what one page is, 50 at a time when no limit is given", async () => {
    const [whole = []] = await all(1_000);
    expect(whole.length).toBeGreaterThan(5);
    const pages = await all(3);
    expect(pages.flat()).toEqual(whole);
    expect(pages.map(({ length }) => length).slice(0, -1)).toEqual(new Array(pages.length - 1).fill(3));
    dataset.insert(
      "transfers",
      Array.from({ length: 60 }, (_, n) =>
        transfer({ hash: `more${n}`, chain: "ethereum", from_address: SANCTIONED, to_address: "x" }),
      ),
    );
    expect((await all())[0]).toHaveLength(50);
  });

  it("an address of which nothing is known has an empty page", async () => {
    const address = "0x00000000000000000000000000000000000000aa";
    expect(await ask("address_transactions", { chain: "ethereum", address })).toEqual([
      [
        "address_transactions_response",
        { ...JOB, chain: "ethereum", address, transactions: [], nextCursor: null },
      ],
    ]);
  });

  it("a cursor that is none of ours is VALIDATION_FAILED", async () => {
    const payload = { chain: "ethereum", address: SANCTIONED, cursor: "abc" };
    expect(await ask("address_transactions", payload)).toEqual(
      error("VALIDATION_FAILED", "The cursor is not one of ours. Send nextCursor as it came, or none."),
    );
  });

  it("an address that is none is VALIDATION_FAILED, an unknown chain NOT_FOUND", async () => {
    expect(await ask("address_transactions", { chain: "tron", address: "T" })).toEqual(
      error("VALIDATION_FAILED", NOT_TRON),
    );
    expect(await ask("address_transactions", { chain: "dogechain", address: "T" })).toEqual(
      error("NOT_FOUND", /It has arbitrum/),
    );
  });
});

describe("cross_border_flows", () => {
  const window = { from: Date.parse("2024-07-01"), to: Date.parse("2024-09-27") };

  it("answers with flows, totals to the cent, and how much is labelled", async () => {
    const [only, ...rest] = await ask("cross_border_flows", { corridor: "US-MX", window });
    expect(rest).toEqual([]);
    expect(only?.[0]).toBe("cross_border_flows_response");
    expect(only?.[1]).toMatchObject({
      ...{ corridor: "US-MX", window, count: 52, unvalued: 6, ambiguous: 0 },
      totalsUSD: { outbound: "751133.34", inbound: "491649.88", net: "259483.46" },
      labelledAddresses: { US: 6, MX: 6 },
    });
  });

  it("a span reaches back from now", async () => {
    const [only] = await ask("cross_border_flows", { corridor: "US-MX", window: "30d" });
    expect(only?.[1]).toMatchObject({ window: { from: NOW - 30 * 86_400_000, to: NOW + 1 } });
    const days = ((only?.[1].flows ?? []) as { day: string }[]).map(({ day }) => day);
    expect(days[0]).toBe("2024-08-03");
    expect(days.at(-1)).toBe("2024-08-31");
  });

  it("a corridor of which nothing is labelled has no flows, and says that nothing is labelled", async () => {
    const [only] = await ask("cross_border_flows", { corridor: "FR-IT", window });
    expect(only?.[1]).toMatchObject({
      ...{ flows: [], count: 0, labelledAddresses: { FR: 0, IT: 0 } },
      totalsUSD: { outbound: "0.00", inbound: "0.00", net: "0.00" },
    });
  });

  it("a corridor or window that is none is VALIDATION_FAILED", async () => {
    expect(await ask("cross_border_flows", { corridor: "usa-mexico", window })).toEqual(
      error("VALIDATION_FAILED", /^Write the corridor as two country codes/),
    );
    expect(await ask("cross_border_flows", { corridor: "US-MX", window: "fortnight" })).toEqual(
      error("VALIDATION_FAILED", /^Write the window as a span/),
    );
  });

  it("more flows than an answer holds are VALIDATION_FAILED", async () => {
    dataset.insert("address_labels", [
      label({ address: "A", jurisdiction: "FR" }),
      label({ address: "B", jurisdiction: "IT" }),
    ]);
    dataset.insert(
      "transfers",
      Array.from({ length: 3_001 }, (_, n) => transfer({ hash: `${n}`, timestamp: n * 86_400_000 })),
    );
    const long = { corridor: "FR-IT", window: { from: 0, to: NOW } };
    expect(await ask("cross_border_flows", long)).toEqual(error("VALIDATION_FAILED", /Ask for less\.$/));
    const [fits] = await ask("cross_border_flows", { ...long, window: { from: 86_400_000, to: NOW } });
    expect(fits?.[1].flows).toHaveLength(3_000);
  });
});
