import { expect, it } from "vitest";
import { relayTo } from "../../../src/gateway/relay.ts";
import { Deferred, FakeTimers, settled } from "../../support/fakes.ts";

it("FAN-3 a relay tells who holds no socket, who failed and who did not answer in half a second", async () => {
  const timers = new FakeTimers();
  const answers = new Map(["held", "empty", "failed", "slow"].map((name) => [name, new Deferred<boolean>()]));
  const asked: string[] = [];
  const relayed = relayTo(
    [...answers.keys()],
    (gateway) => {
      asked.push(gateway);
      return answers.get(gateway)?.promise ?? Promise.reject();
    },
    timers.after,
  );
  // All at a time: none waits for another.
  expect(asked).toEqual([...answers.keys()]);
  answers.get("held")?.resolve(true);
  answers.get("empty")?.resolve(false);
  answers.get("failed")?.reject(new Error("gone"));
  await settled();
  expect(timers.pending).toEqual([500]);
  timers.pass(500);
  expect(await relayed).toEqual({ empty: ["empty"], unreached: ["failed", "slow"] });
});
