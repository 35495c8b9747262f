import { expect, it } from "vitest";
import { KeyedQueue } from "../../../src/lib/keyed-queue.ts";
import { Deferred, settled } from "../../support/fakes.ts";

it("a keyed queue starts a task at once when its key is idle", () => {
  const queue = new KeyedQueue();
  let started = false;
  void queue.run("a", async () => {
    started = true;
  });
  expect(started).toBe(true);
});

it("a keyed queue runs tasks of one key in order and of others side by side", async () => {
  const queue = new KeyedQueue();
  const log: string[] = [];
  const gates: Deferred<void>[] = [];
  const task = (name: string) => async () => {
    log.push(`${name} starts`);
    const gate = new Deferred<void>();
    gates.push(gate);
    await gate.promise;
    log.push(`${name} ends`);
  };
  void queue.run("a", task("a1"));
  void queue.run("a", task("a2"));
  const last = queue.run("a", task("a3"));
  void queue.run("b", task("b1"));
  await settled();
  expect(log).toEqual(["a1 starts", "b1 starts"]);
  gates[0]?.resolve();
  await settled();
  expect(log).toEqual(["a1 starts", "b1 starts", "a1 ends", "a2 starts"]);
  gates[2]?.resolve();
  await settled();
  expect(log.slice(4)).toEqual(["a2 ends", "a3 starts"]);
  gates[3]?.resolve();
  await last;
  expect(log.at(-1)).toBe("a3 ends");
});

it("a keyed queue is idle again after its last task", async () => {
  const queue = new KeyedQueue();
  await queue.run("a", async () => {});
  await settled();
  let started = false;
  void queue.run("a", async () => {
    started = true;
  });
  expect(started).toBe(true);
});
