import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { catalogue } from "../../../src/events/catalogue.ts";
import { addressItem } from "../../../src/ingest/envelope.ts";
import { publishItems } from "../../../src/ingest/publish.ts";
import { consumeMessages } from "../../../src/ingest/queue.ts";
import type { PublishOutcome } from "../../../src/rooms/protocol.ts";

interface Line {
  readonly event: string;
}

const lines: Line[] = [];
beforeEach(() => {
  lines.length = 0;
  for (const level of ["warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((line: string) => void lines.push(JSON.parse(line)));
  }
});
afterEach(() => void vi.restoreAllMocks());

const credit = (userId: string, amount: number, extra: object = {}) => ({
  event: "credits_granted",
  userId,
  data: { ...catalogue.credits_granted.example, amount },
  ...extra,
});

interface World {
  readonly attempts?: number;
  /** What rooms answer; `down` throws. */
  readonly outcomes?: Readonly<Record<string, PublishOutcome | "down">>;
  readonly maxEvents?: number;
  readonly graveFull?: boolean;
}

/** Consumes messages m1, m2, … of these bodies. */
const consume = async (bodies: readonly unknown[], world: World = {}) => {
  const { attempts = 1, outcomes = {}, maxEvents = 100 } = world;
  const settled: string[] = [];
  const calls: { room: string; ids: (string | undefined)[]; amounts: number[] }[] = [];
  const buried: unknown[] = [];
  const messages = bodies.map((body, index) => {
    const id = `m${index + 1}`;
    return {
      id,
      body,
      attempts,
      ack: () => void settled.push(`${id} ack`),
      retry: ({ delaySeconds }: { delaySeconds: number }) => void settled.push(`${id} retry ${delaySeconds}`),
    };
  });
  await consumeMessages(messages, {
    maxEvents,
    publish: (items) =>
      publishItems(
        items,
        async (room, publications) => {
          const outcome = outcomes[room] ?? "accepted";
          if (outcome === "down") throw new Error("down");
          const amounts = publications.map(({ body }) => JSON.parse(body)[1].amount);
          calls.push({ room, ids: publications.map(({ id }) => id), amounts });
          return publications.map(() => outcome);
        },
        () => {},
      ),
    bury: async (events) => {
      if (world.graveFull) throw new Error("no place");
      buried.push(events);
    },
  });
  return { settled: settled.sort(), calls, buried };
};

describe("ING-4 a batch of messages", () => {
  it("goes to each room in one call, in order", async () => {
    const { settled, calls, buried } = await consume([
      credit("u", 1),
      [credit("u", 2), credit("v", 3)],
      [],
      credit("u", 4),
    ]);
    expect(calls.map(({ room, amounts }) => [room, amounts])).toEqual([
      ["user:u", [1, 2, 4]],
      ["user:v", [3]],
    ]);
    expect(settled).toEqual(["m1 ack", "m2 ack", "m3 ack", "m4 ack"]);
    expect(buried).toEqual([]);
    expect(lines).toEqual([]);
  });

  it("ING-3 gives each event without an id one that its next delivery has too", async () => {
    const bodies = [credit("u", 1), [credit("u", 2, { id: "own" }), credit("u", 3)]];
    const first = await consume(bodies);
    const second = await consume(bodies, { attempts: 2 });
    expect(first.calls.map(({ ids }) => ids)).toEqual([["queue:m1:0", "own", "queue:m2:1"]]);
    expect(second.calls).toEqual(first.calls);
  });

  it("of nothing is nothing", async () => {
    expect(await consume([])).toEqual({ settled: [], calls: [], buried: [] });
  });
});

describe("ING-4 what may pass", () => {
  it.each(["down", "overloaded"] as const)("a message whose room is %s comes again", async (outcome) => {
    const { settled, buried } = await consume([credit("u", 1), [credit("v", 2), credit("u", 3)]], {
      outcomes: { "user:v": outcome },
    });
    expect(settled).toEqual(["m1 ack", "m2 retry 2"]);
    expect(buried).toEqual([]);
    expect(lines).toMatchObject([{ event: "ingest_message_delayed", messageId: "m2", index: 0, attempt: 1 }]);
  });

  it.each([
    [1, 2],
    [2, 4],
    [5, 32],
    [6, 60],
    [100, 60],
  ])("attempt %i is followed by a pause of %i s", async (attempts, pause) => {
    const { settled } = await consume([credit("u", 1)], { attempts, outcomes: { "user:u": "down" } });
    expect(settled).toEqual([`m1 retry ${pause}`]);
  });

  it("comes before what will not: nothing is buried before all else is settled", async () => {
    const { settled, buried } = await consume([[{ event: "nope" }, credit("u", 1)]], {
      outcomes: { "user:u": "down" },
    });
    expect(settled).toEqual(["m1 retry 2"]);
    expect(buried).toEqual([]);
    expect(lines).toMatchObject([{ event: "ingest_message_delayed", index: 1, code: "INTERNAL" }]);
  });
});

describe("ING-4 what is refused for good", () => {
  it("is buried without the events that were published, and blocks nothing", async () => {
    const bad = { event: "credits_granted", userId: "u", data: { amount: "secret" } };
    const { settled, calls, buried } = await consume([
      credit("u", 1),
      [credit("u", 2), bad, "text", credit("u", 3)],
      null,
      credit("u", 4),
    ]);
    expect(settled).toEqual(["m1 ack", "m2 ack", "m3 ack", "m4 ack"]);
    expect(calls.map(({ amounts }) => amounts)).toEqual([[1, 2, 3, 4]]);
    expect(buried).toEqual([[{ id: "queue:m2:1", ...bad }, "text"], [null]]);
    expect(lines).toEqual([
      {
        event: "ingest_message_refused",
        messageId: "m2",
        attempt: 1,
        index: 1,
        code: "VALIDATION_FAILED",
        message: expect.stringContaining("The data of credits_granted is not valid"),
        refused: 2,
        events: 4,
      },
      expect.objectContaining({ event: "ingest_message_refused", messageId: "m3", index: 0 }),
    ]);
    expect(JSON.stringify(lines)).not.toContain("secret");
  });

  it("can be published from there: with its fault gone it keeps its id", async () => {
    const { buried } = await consume([{ ...credit("u", 1), event: "nope" }]);
    const [[event]] = buried as [[object]];
    expect(addressItem({ ...event, event: "credits_granted" })).toMatchObject({
      ok: true,
      value: { publication: { id: "queue:m1:0" } },
    });
  });

  it("comes again when it cannot be buried", async () => {
    const { settled } = await consume([{ event: "nope" }], { graveFull: true, attempts: 2 });
    expect(settled).toEqual(["m1 retry 4"]);
    expect(lines.map(({ event }) => event)).toEqual(["ingest_message_refused", "dead_letter_failed"]);
  });

  it.each([
    ["bytes", new ArrayBuffer(8)],
    ["a BigInt", { ...credit("u", 1), extra: 1n }],
    ["too many events", [1, 2, 3].map((amount) => credit("u", amount))],
  ])("is left to the platform, as it is, when it is a message with %s", async (_, body) => {
    const { settled, calls, buried } = await consume([body, credit("u", 4)], { maxEvents: 2 });
    expect(settled).toEqual(["m1 retry 2", "m2 ack"]);
    expect(calls.map(({ amounts }) => amounts)).toEqual([[4]]);
    expect(buried).toEqual([]);
    expect(lines).toMatchObject([{ event: "ingest_message_refused", messageId: "m1" }]);
  });
});
