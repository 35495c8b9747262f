import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { catalogue } from "../../../src/events/catalogue.ts";
import { publisherTo } from "../../../src/ingest/publisher.ts";
import { ok } from "../../../src/lib/result.ts";
import type { Publication } from "../../../src/rooms/protocol.ts";

const lines: unknown[] = [];
beforeEach(() => {
  lines.length = 0;
  vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(JSON.parse(line)));
});
afterEach(() => void vi.restoreAllMocks());

const to = (userId: string, id?: string) =>
  ok({
    event: "credits_granted",
    userId,
    data: catalogue.credits_granted.example,
    ...(id !== undefined && { id }),
  });

/** Rooms whose first calls fail; each call takes a stub of its own. */
const rooms = (failures: number, fault: object = { retryable: true }) => {
  const calls: string[] = [];
  const pauses: number[] = [];
  let stubs = 0;
  const publish = publisherTo(
    {
      getByName: (room) => {
        const stub = ++stubs;
        return {
          publish: async (publications: readonly Publication[]) => {
            calls.push(`${room} ${publications.map(({ id }) => id ?? "-")} by ${stub}`);
            if (calls.length <= failures) throw Object.assign(new Error("fault"), fault);
            return publications.map(() => "accepted" as const);
          },
        };
      },
    },
    async (ms) => void pauses.push(ms),
  );
  return { publish, calls, pauses };
};

it("ING-3 a call whose events all have ids is repeated, through a fresh stub", async () => {
  const { publish, calls, pauses } = rooms(2);
  expect(await publish([to("u", "a"), to("u", "b")])).toEqual({ accepted: 2, rejected: [] });
  expect(calls).toEqual(["user:u a,b by 1", "user:u a,b by 2", "user:u a,b by 3"]);
  expect(pauses).toEqual([50, 100]);
  expect(lines).toEqual([]);
});

it("ING-3 a call with an event without id is not: it could deliver twice", async () => {
  const { publish, calls } = rooms(1);
  const { accepted, rejected } = await publish([to("u", "a"), to("u")]);
  expect(accepted).toBe(0);
  expect(rejected).toMatchObject([
    { index: 0, id: "a", code: "INTERNAL" },
    { index: 1, code: "INTERNAL" },
  ]);
  expect(calls).toEqual(["user:u a,- by 1"]);
  expect(lines).toEqual([{ event: "publish_failed", room: "user:u", error: "Error: fault" }]);
});

it.each([[{ overloaded: true, retryable: true }], [{}]])(
  "ING-3 nor is one that a repetition does not help: %j",
  async (fault) => {
    const { publish, calls } = rooms(1, fault);
    expect(await publish([to("u", "a")])).toMatchObject({ accepted: 0 });
    expect(calls).toHaveLength(1);
  },
);

it("ING-2 a room that stays out of reach rejects its own items", async () => {
  const { publish, calls } = rooms(4);
  expect(await publish([to("u", "a")])).toMatchObject({ accepted: 0, rejected: [{ code: "INTERNAL" }] });
  expect(calls).toHaveLength(4);
  expect(await publish([to("u", "a")])).toEqual({ accepted: 1, rejected: [] });
});
