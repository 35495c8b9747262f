import fc from "fast-check";
import { expect, it } from "vitest";
import { credit, Harness } from "./harness.ts";

const ROOMS = ["a", "b", "c"];

type Step =
  | { readonly do: "publish"; readonly room: string }
  | { readonly do: "pass"; readonly ms: number }
  | {
      readonly do: "answer";
      readonly how: "accept" | "fail" | "lose" | "too-large";
      readonly down: string[];
    };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("publish"), room: fc.constantFrom(...ROOMS) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.integer({ min: 1, max: 2_000 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("answer"),
      how: fc.constantFrom("accept", "fail", "lose", "too-large"),
      down: fc.subarray(ROOMS),
    }),
  },
) as fc.Arbitrary<Step>;

/** What a service that knows ids has, by room, and what becomes of its answers. */
class ModelService {
  readonly rooms = new Map(ROOMS.map((room): [string, number[]] => [room, []]));
  readonly #ids = new Set<string>();
  readonly #harness: Harness;

  constructor(harness: Harness) {
    this.#harness = harness;
  }

  async answer({ how, down }: Extract<Step, { do: "answer" }>): Promise<void> {
    const request = this.#harness.requests.shift();
    if (request === undefined) return;
    if (how === "fail") return request.answer(503);
    if (how === "too-large" && request.items.length > 1) return request.answer(413);
    const rejected = [];
    for (const [index, { id = "", data, userId = "" }] of (
      request.items as ((typeof request.items)[number] & { userId?: string })[]
    ).entries()) {
      if (down.includes(userId)) rejected.push({ index, code: "INTERNAL" });
      else if (!this.#ids.has(id)) this.rooms.get(userId)?.push(data.timestamp);
      if (!down.includes(userId)) this.#ids.add(id);
    }
    return how === "lose" ? request.fail() : request.accept(rejected);
  }
}

it("ING-3 whatever fails, every event arrives once, and those of a room in the order they were published in", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, maxBatchEvents) => {
        const harness = new Harness({ maxBatchEvents, giveUpAfterMs: Number.POSITIVE_INFINITY });
        const service = new ModelService(harness);
        const published = new Map(ROOMS.map((room): [string, number[]] => [room, []]));
        let number = 0;
        for (const taken of steps) {
          if (taken.do === "publish") {
            published.get(taken.room)?.push(++number);
            await harness.publish(credit(number, taken.room));
          } else if (taken.do === "pass") await harness.pass(taken.ms);
          else await service.answer(taken);
        }
        while (harness.publisher.pending > 0) {
          await harness.pass(20_000);
          await service.answer({ do: "answer", how: "accept", down: [] });
        }
        expect(service.rooms).toEqual(published);
        expect([...harness.outcomes.values()]).toEqual(Array.from({ length: number }, () => "accepted"));
        expect(harness.timers.pending).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
}, 60_000);
