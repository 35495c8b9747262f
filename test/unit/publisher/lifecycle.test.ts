import { EventEmitter } from "node:events";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { PublishError } from "../../../publisher/errors.ts";
import type { Publication } from "../../../publisher/publication.ts";
import { Publisher } from "../../../publisher/publisher.ts";
import { closeOnSignal } from "../../../publisher/signals.ts";
import { settled } from "../../support/fakes.ts";
import { bar, credit, Harness, TOKEN, URL_OF_SERVICE } from "./harness.ts";

const code = (value: string) => expect.objectContaining({ code: value });

describe("ING-1 bounded memory", () => {
  it("refuses at once what comes when as many events wait as may, until there is room again", async () => {
    const harness = new Harness({ maxQueued: 2 });
    const first = await harness.send(bar(1));
    await harness.publish(bar(2), bar(3));
    expect(harness.outcomes.get(3)).toEqual(code("QUEUE_FULL"));
    expect(harness.publisher.pending).toBe(2);
    await first.accept();
    await harness.publish(bar(4));
    expect(harness.outcomes.has(4)).toBe(false);
  });

  it("refuses at once what comes when as many bytes wait as may, but never the only one", async () => {
    const harness = new Harness({ maxQueuedBytes: 10 });
    await harness.publish(bar(1), bar(2));
    expect([...harness.outcomes]).toEqual([[2, code("QUEUE_FULL")]]);
    await harness.pass(5);
    await harness.request().accept();
    expect(harness.outcomes.get(1)).toBe("accepted");
  });

  it("refuses what is no JSON", async () => {
    const harness = new Harness();
    const amount = 1n as unknown as number;
    await harness.publish({ ...credit(1), data: { ...credit(1).data, amount } });
    expect(harness.outcomes.get(1)).toEqual(code("UNENCODABLE"));
    expect(harness.publisher.pending).toBe(0);
  });

  it("leaves it to the service to refuse what has no data", async () => {
    const harness = new Harness();
    for (const data of [undefined, null, "text"]) {
      const publication = { event: "market_trade", data } as unknown as Publication;
      const refused = expect(harness.publisher.publish(publication)).rejects.toEqual(
        code("VALIDATION_FAILED"),
      );
      await harness.pass(5);
      await harness.request().accept([{ index: 0, code: "VALIDATION_FAILED" }]);
      await refused;
    }
  });
});

describe("flush and close", () => {
  it("flush sends without lingering, and waits for what was published before it", async () => {
    const harness = new Harness();
    await harness.publish(bar(1));
    let flushed = false;
    const flush = harness.publisher.flush().then(() => {
      flushed = true;
    });
    const first = harness.request();
    await harness.publish(bar(2));
    await first.accept([{ index: 0, code: "VALIDATION_FAILED" }]);
    await flush;
    expect(flushed).toBe(true);
    expect(harness.publisher.pending).toBe(1);
  });

  it("flush of nothing is over at once", async () => {
    await new Harness().publisher.flush();
  });

  it("close sends what waits, tries again what fails, and takes nothing more", async () => {
    const harness = new Harness();
    await harness.publish(credit(1));
    const closed = harness.publisher.close();
    await harness.publish(credit(2));
    expect(harness.outcomes.get(2)).toEqual(code("CLOSED"));
    await harness.request().fail();
    await harness.pass(250);
    await harness.request().accept();
    await closed;
    expect(harness.outcomes.get(1)).toBe("accepted");
    expect(harness.publisher.close()).toEqual(closed);
  });

  it("close refuses what is left after the time it is given", async () => {
    const harness = new Harness();
    const request = await harness.send(credit(1));
    await harness.publish(credit(2));
    const closed = harness.publisher.close({ timeoutMs: 1_000 });
    await harness.pass(999);
    expect(harness.outcomes.size).toBe(0);
    await harness.pass(1);
    await closed;
    expect([...harness.outcomes.values()]).toEqual([code("CLOSED"), code("CLOSED")]);
    expect(request.init.signal.aborted).toBe(true);
    expect(harness.timers.pending).toEqual([]);
    expect(harness.requests).toEqual([]);
  });

  it("is closed at the end of an `await using`", async () => {
    const harness = new Harness();
    const use = async () => {
      await using publisher = harness.publisher;
      void publisher.publish(bar(1));
    };
    const used = use();
    await settled();
    await harness.request().accept();
    await used;
    await expect(harness.publisher.publish(bar(2))).rejects.toEqual(code("CLOSED"));
  });
});

describe("closeOnSignal", () => {
  class FakeProcess extends EventEmitter {
    readonly pid = 42;
    readonly kills: unknown[][] = [];

    kill(...args: unknown[]): void {
      this.kills.push(args);
    }
  }

  const setUp = () => {
    const process = new FakeProcess();
    const harness = new Harness();
    const undo = closeOnSignal(harness.publisher, { process, timeoutMs: 1_000 });
    return { process, harness, undo };
  };

  it.each(["SIGTERM", "SIGINT"])("%s: closes, then ends as the signal would have", async (signal) => {
    const { process, harness } = setUp();
    await harness.publish(credit(1));
    process.emit(signal);
    const request = harness.request();
    await settled();
    expect(process.kills).toEqual([]);
    // A second signal finds nobody, and ends the process.
    expect(process.eventNames()).toEqual([]);
    await request.accept();
    expect(process.kills).toEqual([[42, signal]]);
  });

  it("waits for no longer than it is told to", async () => {
    const { process, harness } = setUp();
    await harness.send(credit(1));
    process.emit("SIGTERM");
    await harness.pass(1_000);
    expect(process.kills).toEqual([[42, "SIGTERM"]]);
    expect(harness.outcomes.get(1)).toEqual(code("CLOSED"));
  });

  it("leaves the end to a program that listens itself", async () => {
    const { process } = setUp();
    process.on("SIGTERM", () => {});
    process.emit("SIGTERM");
    await settled();
    expect(process.kills).toEqual([]);
  });

  it("can be undone", () => {
    const { process, undo } = setUp();
    undo();
    expect(process.eventNames()).toEqual([]);
  });
});

describe("AUTH-3 the token", () => {
  it("is in no error, whatever answers", async () => {
    const harness = new Harness();
    const echo = { code: "X", message: `You sent Bearer ${TOKEN}` };
    await (await harness.send(bar(1))).answer(401, echo);
    await (await harness.send(bar(2))).accept([{ ...echo, index: 0 }]);
    const third = await harness.send(bar(3));
    const closed = harness.publisher.close({ timeoutMs: 1 });
    await third.answer(500, echo);
    await harness.pass(1);
    await closed;
    const seen = [...harness.outcomes.values(), harness.publisher];
    expect(seen.slice(0, 3).every((error) => error instanceof PublishError)).toBe(true);
    expect(inspect(seen, { depth: 10, showHidden: true })).not.toContain(TOKEN);
  });

  it.each([`${TOKEN}\n`, `a ${TOKEN}`, "", `${TOKEN}\u20ac`])(
    "is refused when no header can hold it",
    (token) => {
      const make = () => new Publisher({ url: URL_OF_SERVICE, token });
      expect(make).toThrow(TypeError);
      expect(make).not.toThrow(TOKEN);
    },
  );
});

describe("options", () => {
  it.each([
    "realtime.example.com",
    "ws://h",
    "https://user:password@h",
    "https://h?key=1",
    "https://h#x",
    "",
  ])("refuses the URL %s, without telling it", (url) => {
    expect(() => new Publisher({ url, token: TOKEN })).toThrow(/^url must /);
  });

  it.each([
    { maxBatchEvents: 0 },
    { maxBatchBytes: Number.NaN },
    { lingerMs: -1 },
    { maxQueued: 0 },
    { maxQueuedBytes: 0 },
    { giveUpAfterMs: 0 },
    { requestTimeoutMs: 0 },
    { retryBaseMs: 0 },
    { retryCapMs: "1" as unknown as number },
  ])("refuses %j", (option) => {
    const [name] = Object.keys(option);
    expect(() => new Harness(option)).toThrow(`${name} must be a number`);
  });
});
