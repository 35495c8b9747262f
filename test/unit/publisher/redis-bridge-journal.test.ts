import { expect, it } from "vitest";
import { Journal } from "../../../examples/redis-bridge/journal.ts";
import { FakeClock } from "../../support/fakes.ts";

const setUp = () => {
  const clock = new FakeClock(0);
  const said: unknown[] = [];
  const journal = new Journal((line) => said.push(JSON.parse(line)), clock.read);
  return { clock, said, journal };
};

it("the Redis bridge says each kind of thing at most once a second, with how often it happened", () => {
  const { clock, said, journal } = setUp();
  journal.note("malformed", { from: "a" }, 3);
  journal.note("redis_error");
  clock.now += 999;
  journal.note("malformed", { from: "b" });
  clock.now += 1;
  journal.note("malformed", { from: "c" });
  expect(said).toEqual([
    { note: "malformed", from: "a", count: 3 },
    { note: "redis_error", count: 1 },
    { note: "malformed", from: "c", count: 5 },
  ]);
});

it("the Redis bridge says all counts at its end", () => {
  const { said, journal } = setUp();
  journal.count("received", 2);
  journal.count("received", 2);
  journal.count("published");
  journal.total();
  expect(said).toEqual([{ note: "ended", received: 4, published: 1 }]);
});
