import { describe, expect, it } from "vitest";
import { bar, credit, Harness, TOKEN } from "./harness.ts";

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const SIZE = new TextEncoder().encode(JSON.stringify(bar(1))).length;

describe("ING-2 batches", () => {
  it("sends what is published within the linger in one request, as the service reads it", async () => {
    const harness = new Harness();
    await harness.publish(credit(1, "u", "given"));
    await harness.pass(3);
    await harness.publish(bar(2));
    expect(harness.requests).toEqual([]);
    await harness.pass(2);
    const request = harness.request();
    expect(request.url).toBe("https://realtime.example.com/api/events");
    expect(request.init).toMatchObject({
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      redirect: "manual",
    });
    expect(request.items).toEqual([credit(1, "u", "given"), bar(2)]);
    expect(harness.outcomes.size).toBe(0);
    await request.accept();
    expect([...harness.outcomes]).toEqual([
      [1, "accepted"],
      [2, "accepted"],
    ]);
  });

  it("sends one request at a time; what comes meanwhile goes with the next, at once", async () => {
    const harness = new Harness();
    const first = await harness.send(bar(1));
    await harness.publish(bar(2));
    await harness.pass(20);
    await harness.publish(bar(3));
    expect(harness.requests).toEqual([]);
    await first.accept();
    expect(harness.request().numbers).toEqual([2, 3]);
  });

  it("does not linger when a request is full of events", async () => {
    const harness = new Harness({ maxBatchEvents: 3 });
    await harness.publish(...range(1, 7).map((number) => bar(number)));
    for (const numbers of [
      [1, 2, 3],
      [4, 5, 6],
    ]) {
      const request = harness.request();
      expect(request.numbers).toEqual(numbers);
      await request.accept();
    }
    expect(harness.requests).toEqual([]);
    await harness.pass(5);
    expect(harness.request().numbers).toEqual([7]);
  });

  it("holds a request to the bytes allowed, to the last", async () => {
    const full = 2 * SIZE + 3;
    for (const [maxBatchBytes, count] of [
      [full, 2],
      [full - 1, 1],
    ] as const) {
      const harness = new Harness({ maxBatchBytes });
      await harness.publish(...range(1, 5).map((number) => bar(number)));
      const request = harness.request();
      expect(request.numbers).toEqual(range(1, count));
      expect(new TextEncoder().encode(request.init.body).length).toBeLessThanOrEqual(maxBatchBytes);
    }
  });

  it("sends an event that is larger than that alone", async () => {
    const harness = new Harness({ maxBatchBytes: 10 });
    await harness.publish(bar(1), bar(2));
    expect(harness.request().numbers).toEqual([1]);
  });

  it("counts bytes, not characters", async () => {
    const wide = { ...bar(1), data: { ...bar(1).data, venue: "€".repeat(100) } };
    const harness = new Harness({ maxBatchBytes: SIZE + 300 });
    await harness.publish(wide, bar(2));
    expect(harness.request().numbers).toEqual([1]);
  });

  it("adds the path to a URL that has one", async () => {
    const harness = new Harness({ url: new URL("http://127.0.0.1:8787/realtime/") });
    expect((await harness.send(bar(1))).url).toBe("http://127.0.0.1:8787/realtime/api/events");
  });

  it("leaves no timer when nothing waits, so that the process may end", async () => {
    const harness = new Harness();
    await (await harness.send(bar(1))).accept();
    expect(harness.timers.pending).toEqual([]);
    expect(harness.publisher.pending).toBe(0);
  });
});

describe("ING-3 ids", () => {
  it("durable events get one unless they have one, others get none", async () => {
    const harness = new Harness();
    const { items } = await harness.send(credit(1), bar(2), credit(3, "u", "own"), credit(4));
    expect(items.map(({ id }) => id)).toEqual(["id1", undefined, "own", "id2"]);
  });

  it("all events get one where that is asked for", async () => {
    const harness = new Harness({ ids: "all" });
    const { items } = await harness.send(bar(1), { ...bar(2), id: "own" });
    expect(items.map(({ id }) => id)).toEqual(["id1", "own"]);
  });
});
