import { expect, it } from "vitest";
import { catalogue } from "../../../src/events/catalogue.ts";
import { isPassing, publishItems } from "../../../src/ingest/publish.ts";
import { err, ok } from "../../../src/lib/result.ts";
import type { PublishOutcome } from "../../../src/rooms/protocol.ts";

const data = catalogue.credits_granted.example;
const to = (userId: string, id?: string) =>
  ok({ event: "credits_granted", userId, data, ...(id !== undefined && { id }) });

const publish = async (
  items: Parameters<typeof publishItems>[0],
  unreachable = "",
  outcomes: readonly PublishOutcome[] = [],
) => {
  const calls: [string, number][] = [];
  const errors: unknown[][] = [];
  const failure = new Error("no internals");
  const result = await publishItems(
    items,
    async (room, publications) => {
      if (room === unreachable) throw failure;
      calls.push([room, publications.length]);
      return publications.map((_, place) => outcomes[place] ?? "accepted");
    },
    (...args) => void errors.push(args),
  );
  return { result, calls, errors, failure };
};

const unreachable = { code: "INTERNAL", message: "The room could not be reached. Publish it again." };

it("ING-2 bad items block no good ones and are named by their place", async () => {
  const unreadable = err({ code: "VALIDATION_FAILED", message: "The line is not valid JSON." } as const);
  const { result, calls } = await publish([
    to("u"),
    unreadable,
    ok({ id: "x", event: "nope" }),
    to("v"),
    to("u"),
  ]);
  expect(result).toEqual({
    accepted: 3,
    rejected: [
      { index: 1, code: "VALIDATION_FAILED", message: "The line is not valid JSON." },
      { index: 2, id: "x", code: "NOT_FOUND", message: "There is no server-to-client event of that name." },
    ],
  });
  expect(calls).toEqual([
    ["user:u", 2],
    ["user:v", 1],
  ]);
});

it("ING-2 a room that cannot be reached rejects its own items only, in the order of the request", async () => {
  const items = [to("down", "a"), to("up"), ok(null), to("down")];
  const { result, calls, errors, failure } = await publish(items, "user:down");
  expect(result.accepted).toBe(1);
  expect(result.rejected.map(({ index }) => index)).toEqual([0, 2, 3]);
  expect(result.rejected[0]).toEqual({ index: 0, id: "a", ...unreachable });
  expect(result.rejected[2]).toEqual({ index: 3, ...unreachable });
  expect(calls).toEqual([["user:up", 1]]);
  expect(errors).toEqual([["user:down", failure]]);
});

it("ING-3 a duplicate counts as accepted", async () => {
  const { result } = await publish([to("u", "a"), to("u", "a")], "", ["accepted", "duplicate"]);
  expect(result).toEqual({ accepted: 2, rejected: [] });
});

it("ING-2 what a room has no place for is rejected alone, with the time to wait", async () => {
  const items = [to("u", "a"), ok(null), to("u", "b"), to("u")];
  const { result, errors } = await publish(items, "", ["accepted", "overloaded", "overloaded"]);
  const message = "Too much waits to be delivered in this room. Publish it again later.";
  const overloaded = { code: "RATE_LIMITED", message, retryAfter: 1 };
  expect(result).toEqual({
    accepted: 1,
    rejected: [
      { index: 1, code: "VALIDATION_FAILED", message: expect.any(String) },
      { index: 2, id: "b", ...overloaded },
      { index: 3, ...overloaded },
    ],
  });
  expect(result.rejected.map(isPassing)).toEqual([false, true, true]);
  expect(errors).toEqual([]);
});

it("ING-2 items of one room keep their order in one call", async () => {
  const bodies: string[] = [];
  const items = [1, 2, 3].map((amount) =>
    ok({ event: "credits_granted", userId: "u", data: { ...data, amount } }),
  );
  await publishItems(
    items,
    async (_, publications) => {
      bodies.push(...publications.map(({ body }) => body));
      return publications.map(() => "accepted");
    },
    () => {},
  );
  expect(bodies.map((body) => JSON.parse(body)[1].amount)).toEqual([1, 2, 3]);
});

it("ING-2 nothing is accepted of nothing", async () => {
  expect(await publish([])).toMatchObject({ result: { accepted: 0, rejected: [] }, calls: [] });
});
