import { describe, expect, it } from "vitest";
import { PublishError } from "../../../publisher/errors.ts";
import type { Retry } from "../../../publisher/options.ts";
import { bar, credit, Harness, type Request } from "./harness.ts";

const error = (code: string, message: string | RegExp = /./) =>
  expect.objectContaining({ name: "PublishError", code, message: expect.stringMatching(message) });

describe("ING-3 a request that failed is sent again, with the same ids, before anything newer", () => {
  const FAILURES: [string, (request: Request) => Promise<void>][] = [
    ["a broken connection", (request) => request.fail()],
    ["500", (request) => request.answer(500, "<html>")],
    ["502", (request) => request.answer(502)],
    ["503", (request) => request.answer(503, { code: "INTERNAL", message: "Full." })],
    ["429", (request) => request.answer(429, { code: "RATE_LIMITED", message: "Slow down." })],
    ["408", (request) => request.answer(408)],
    ["425", (request) => request.answer(425)],
    ["an answer that was cut off", (request) => request.answer(202, '{"accepted":1,"rej')],
    ["an answer that is none", (request) => request.answer(202, "null")],
  ];

  it.each(FAILURES)("%s", async (_, fail) => {
    const harness = new Harness();
    const first = await harness.send(credit(1), bar(2));
    await harness.publish(credit(3));
    await fail(first);
    expect(harness.requests).toEqual([]);
    await harness.pass(249);
    expect(harness.requests).toEqual([]);
    await harness.pass(1);
    const again = harness.request();
    expect(again.numbers).toEqual([1, 2, 3]);
    expect(again.items.slice(0, 2)).toEqual(first.items);
    expect(harness.outcomes.size).toBe(0);
    await again.accept();
    expect(harness.outcomes.size).toBe(3);
  });

  it("a request without an answer in time", async () => {
    const harness = new Harness({ requestTimeoutMs: 1_000 });
    const first = await harness.send(credit(1));
    await harness.pass(999);
    expect(first.init.signal.aborted).toBe(false);
    await harness.pass(1);
    expect(first.init.signal.aborted).toBe(true);
    await harness.pass(250);
    expect(harness.request().items).toEqual(first.items);
  });

  it("a request without an answer is waited for where no limit is set", async () => {
    const harness = new Harness({ requestTimeoutMs: Number.POSITIVE_INFINITY });
    await harness.send(bar(1));
    expect(harness.timers.pending).toEqual([2 ** 31 - 1]);
  });

  it("waits twice as long each time, up to the cap, and starts anew after an answer", async () => {
    const delays: number[] = [];
    const harness = new Harness({ retryCapMs: 1_500, onRetry: ({ delayMs }) => delays.push(delayMs) });
    let request = await harness.send(bar(1));
    for (let turn = 0; turn < 5; turn++) {
      await request.fail();
      await harness.pass(delays.at(-1) ?? 0);
      request = harness.request();
    }
    expect(delays).toEqual([250, 500, 1000, 1500, 1500]);
    await request.accept();
    await (await harness.send(bar(2))).fail();
    expect(delays.at(-1)).toBe(250);
  });

  it("waits a random part of that", async () => {
    const delays: number[] = [];
    const randoms = [0, 0.5, 0.25];
    const onRetry = ({ delayMs }: Retry) => void delays.push(delayMs);
    const harness = new Harness({ onRetry }, () => randoms.shift() ?? 1);
    let request = await harness.send(bar(1));
    for (let turn = 0; turn < 3; turn++) {
      await request.fail();
      await harness.pass(delays.at(-1) ?? 0);
      request = harness.request();
    }
    expect(delays).toEqual([0, 250, 250]);
  });

  it.each([
    ["seconds", { "retry-after": "7" }, 7_000],
    [
      "a date, by the clock that wrote it",
      { "retry-after": "Wed, 21 Oct 2015 07:28:30 GMT", date: "Wed, 21 Oct 2015 07:28:00 GMT" },
      30_000,
    ],
    [
      "a date of the past",
      { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", date: "Wed, 21 Oct 2015 07:28:30 GMT" },
      0,
    ],
    ["nonsense", { "retry-after": "soon" }, 0],
  ])("honours Retry-After: %s", async (_, headers, asked) => {
    for (const status of [429, 503]) {
      const harness = new Harness();
      await (await harness.send(bar(1))).answer(status, "", headers);
      await harness.pass(asked + 249);
      expect(harness.requests).toEqual([]);
      await harness.pass(1);
      expect(harness.request().numbers).toEqual([1]);
    }
  });

  it("tells the listener", async () => {
    const told: Retry[] = [];
    const harness = new Harness({ onRetry: (retry) => told.push(retry) });
    await (await harness.send(bar(1), bar(2))).answer(500, { message: "The service failed to answer." });
    expect(told).toEqual([
      { error: error("INTERNAL", "500. The service failed to answer"), events: 2, delayMs: 250 },
    ]);
    expect(told[0]?.error.status).toBe(500);
  });
});

describe("ING-3 events that expire", () => {
  it("each is refused at its own deadline, with what went wrong last", async () => {
    const harness = new Harness({ giveUpAfterMs: 1_000, retryBaseMs: 300, retryCapMs: 300 });
    await (await harness.send(credit(1))).fail(new TypeError("connect ECONNREFUSED"));
    await harness.publish(credit(2));
    await harness.pass(300);
    await harness.request().answer(503, "", { "retry-after": "3600" });
    await harness.pass(694);
    expect(harness.outcomes.size).toBe(0);
    await harness.pass(1);
    expect([...harness.outcomes]).toEqual([[1, error("EXPIRED", /in 1 s.*503/)]]);
    expect((harness.outcomes.get(1) as PublishError).cause).toBeInstanceOf(PublishError);
    await harness.pass(5);
    expect(harness.outcomes.get(2)).toEqual(error("EXPIRED", /503/));
    expect(harness.timers.pending).toEqual([]);
  });

  it("one that is being sent when its time is over is accepted if the service accepts it", async () => {
    const harness = new Harness({ giveUpAfterMs: 1_000 });
    const request = await harness.send(credit(1));
    await harness.pass(2_000);
    await request.accept();
    expect(harness.outcomes.get(1)).toBe("accepted");
  });

  it("one that is held with its room expires too", async () => {
    const harness = new Harness({ giveUpAfterMs: 1_000 });
    await (await harness.send(credit(1))).accept([{ index: 0, code: "RATE_LIMITED", retryAfter: 60 }]);
    await harness.pass(994);
    expect(harness.outcomes.size).toBe(0);
    await harness.pass(1);
    expect(harness.outcomes.get(1)).toEqual(error("EXPIRED"));
    expect(harness.timers.pending).toEqual([]);
  });

  it("none does without a limit, however long the wait", async () => {
    const harness = new Harness({ giveUpAfterMs: Number.POSITIVE_INFINITY });
    await (await harness.send(credit(1))).answer(503, "", { "retry-after": String(2 ** 32) });
    expect(harness.timers.pending).toEqual([2 ** 31 - 1]);
    await harness.pass(2 ** 32 * 1000 + 250);
    expect(harness.request().numbers).toEqual([1]);
  });
});

describe("ING-2 events that are rejected", () => {
  it.each(["VALIDATION_FAILED", "NOT_FOUND", "UNAUTHORIZED"])("for good: %s", async (code) => {
    const harness = new Harness();
    const request = await harness.send(bar(1), bar(2), bar(3));
    await request.accept([{ index: 1, code, message: "It is wrong." }]);
    expect([...harness.outcomes]).toEqual([
      [1, "accepted"],
      [2, error(code, "It is wrong.")],
      [3, "accepted"],
    ]);
    expect(harness.timers.pending).toEqual([]);
  });

  it("for a reason that is not known here: for good", async () => {
    const harness = new Harness();
    await (await harness.send(bar(1))).accept([{ index: 0, code: "NEW_CODE" }]);
    expect(harness.outcomes.get(1)).toEqual(error("REFUSED"));
  });

  it.each([
    ["INTERNAL", undefined, 250],
    ["RATE_LIMITED", 2, 2_250],
  ])(
    "for now (%s): sent again before anything newer of its room, delaying no other room",
    async (code, retryAfter, delay) => {
      const harness = new Harness();
      const first = await harness.send(credit(1, "busy"), credit(2, "other"), credit(3, "busy"));
      await harness.publish(credit(4, "busy"), credit(5, "other"));
      const rejected = [0, 2].map((index) => ({
        index,
        code,
        ...(retryAfter !== undefined && { retryAfter }),
      }));
      await first.accept(rejected);
      expect([...harness.outcomes]).toEqual([[2, "accepted"]]);
      await harness.publish(credit(6, "busy"));
      await harness.pass(5);
      const second = harness.request();
      expect(second.numbers).toEqual([5]);
      await second.accept();
      await harness.pass(delay - 6);
      expect(harness.requests).toEqual([]);
      await harness.publish(credit(7, "busy"), credit(8, "other"));
      await harness.pass(1);
      const again = harness.request();
      expect(again.numbers).toEqual([1, 3, 4, 6, 7, 8]);
      expect(again.items.slice(0, 2)).toEqual([first.items[0], first.items[2]]);
      await again.accept();
      expect(harness.outcomes.size).toBe(8);
    },
  );

  it("for now, with nothing else to send: what comes for another room is sent after its linger", async () => {
    const harness = new Harness();
    await (await harness.send(credit(1, "busy"))).accept([
      { index: 0, code: "RATE_LIMITED", retryAfter: 60 },
    ]);
    expect((await harness.send(credit(2, "other"))).numbers).toEqual([2]);
  });

  it("for now, again and again: waits longer each time", async () => {
    const delays: number[] = [];
    const harness = new Harness({ onRetry: ({ delayMs }) => delays.push(delayMs) });
    let request = await harness.send(bar(1));
    for (let turn = 0; turn < 3; turn++) {
      await request.accept([{ index: 0, code: "INTERNAL" }]);
      await harness.pass(delays.at(-1) ?? 0);
      request = harness.request();
    }
    expect(delays).toEqual([250, 500, 1000]);
  });
});

describe("ING-2 a request that is refused for good is not sent again", () => {
  it.each([
    [401, "UNAUTHORIZED", /token/],
    [403, "UNAUTHORIZED", /token/],
    [404, "BAD_ADDRESS", /realtime\.example\.com\/api\/events answers 404/],
    [405, "BAD_ADDRESS", /405/],
    [301, "BAD_ADDRESS", /redirects/],
    [307, "BAD_ADDRESS", /redirects/],
    [0, "BAD_ADDRESS", /redirects/],
    [200, "BAD_ADDRESS", /200/],
    [400, "REFUSED", /400.*Not so\./],
    [415, "REFUSED", /415/],
  ])("%i", async (status, code, message) => {
    const harness = new Harness();
    await (await harness.send(bar(1), credit(2))).answer(status, { code: "X", message: "Not so." });
    expect([...harness.outcomes.values()]).toEqual([error(code, message), error(code, message)]);
    expect(harness.outcomes.get(1)).toMatchObject({ status });
    expect(harness.timers.pending).toEqual([]);
    // The next may fare better: the token or the address may have been put right.
    await (await harness.send(bar(3))).accept();
    expect(harness.outcomes.get(3)).toBe("accepted");
  });
});

describe("ING-2 a request that is too large (413)", () => {
  const numbers = [1, 2, 3, 4, 5];

  it("is split in two until it fits, in order; the limit found is kept, and tried to be raised", async () => {
    const harness = new Harness();
    let request = await harness.send(...numbers.map((number) => bar(number)));
    const sent: number[][] = [];
    for (;;) {
      sent.push(request.numbers);
      if (request.numbers.length > 2) await request.answer(413);
      else await request.accept();
      if (harness.outcomes.size === numbers.length) break;
      request = harness.request();
    }
    expect(sent).toEqual([[1, 2, 3, 4, 5], [1, 2, 3], [1, 2], [3, 4, 5], [3, 4], [5]]);
    expect([...harness.outcomes.values()]).toEqual(numbers.map(() => "accepted"));
  });

  it("of one event alone refuses it, and no other", async () => {
    const harness = new Harness();
    let request = await harness.send(bar(1), bar(2));
    await request.answer(413);
    request = harness.request();
    expect(request.numbers).toEqual([1]);
    await request.answer(413);
    await harness.request().accept();
    expect([...harness.outcomes]).toEqual([
      [1, error("TOO_LARGE")],
      [2, "accepted"],
    ]);
  });
});
