import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, it } from "vitest";
import service from "../../src/index.ts";
import { RawSocket } from "./support/raw-socket.ts";

const credit = (amount: number, extra: object = {}) => ({
  event: "credits_granted",
  userId: "user_test",
  data: { amount, newBalance: amount, reason: "test", transactionId: `t${amount}`, timestamp: amount },
  ...extra,
});

/** What the platform is told of the messages. */
const consume = async (bodies: readonly unknown[], attempts = 1) => {
  const batch = createMessageBatch(
    "ledgercore-realtime-events",
    bodies.map((body, index) => ({ id: `m${index + 1}`, timestamp: new Date(), attempts, body })),
  );
  const context = createExecutionContext();
  await service.queue(batch, env);
  return getQueueResult(batch, context);
};

const amounts = (socket: RawSocket): number[] =>
  socket.frames
    .filter((frame) => frame.startsWith('42["credits_granted"'))
    .map((frame) => JSON.parse(frame.slice(2))[1].amount);

it("ING-4 a batch is published in order, once however often it comes, and settled message by message", async () => {
  const socket = await RawSocket.open();
  await socket.connect();
  const bodies = [credit(1), [credit(2), { event: "nope" }], "text", credit(3)];
  const first = await consume(bodies);
  expect(first.outcome).toBe("ok");
  expect(first.explicitAcks.sort()).toEqual(["m1", "m2", "m3", "m4"]);
  expect(first.retryMessages).toEqual([]);
  const second = await consume([...bodies, credit(4)], 2);
  expect(second.explicitAcks).toHaveLength(5);
  await socket.next('42["credits_granted",{"amount":4');
  expect(amounts(socket)).toEqual([1, 2, 3, 4]);
  socket.close();
});

it("ING-4 a message that is no JSON is left to the platform", async () => {
  const result = await consume([{ ...credit(9), extra: 1n }, new ArrayBuffer(4), credit(5)], 3);
  expect(result.explicitAcks).toEqual(["m3"]);
  expect(result.retryMessages).toMatchObject([{ msgId: "m1" }, { msgId: "m2" }]);
});

it("ING-4 another Worker publishes over RPC, in one call, and is told of each event", async () => {
  const socket = await RawSocket.open();
  await socket.connect();
  const events = [credit(11, { id: "r1" }), credit(12, { id: "r2", userID: "u" }), credit(13, { id: "r3" })];
  const result = {
    accepted: 2,
    rejected: [{ index: 1, id: "r2", code: "VALIDATION_FAILED", message: expect.stringContaining("userID") }],
  };
  expect(await exports.Ingest.publish(events)).toEqual(result);
  expect(await exports.Ingest.publish(events)).toEqual(result);
  expect(await exports.Ingest.publish(credit(14))).toEqual({ accepted: 1, rejected: [] });
  await socket.next('42["credits_granted",{"amount":14');
  expect(amounts(socket).slice(-3)).toEqual([11, 13, 14]);
  socket.close();
});
