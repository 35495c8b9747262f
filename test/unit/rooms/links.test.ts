import { beforeEach, describe, expect, it } from "vitest";
import { Links } from "../../../src/rooms/links.ts";
import type { FanOutRpc } from "../../../src/rooms/protocol.ts";
import { Deferred, FakeClock, FakeTimers, settled } from "../../support/fakes.ts";

/** Calls that go by before an object is busy. */
const BURST = 100;

/** After so long without a call, in ms, nothing is left of a link. */
const QUIET_MS = 6_000;

let clock: FakeClock;
let timers: FakeTimers;
let calls: string[];
/** Whether gateways think a link worth it. */
let willing: boolean;
/** What calls over links fail with. */
let broken: Error | undefined;
let disposed: number;

const pass = (ms: number): void => {
  clock.now += ms;
  timers.pass(ms);
};

const rpc = (way: string, failure: () => Error | undefined): FanOutRpc => {
  const call = async <T>(answer: T): Promise<T> => {
    calls.push(way);
    const error = failure();
    if (error !== undefined) throw error;
    return answer;
  };
  return { deliver: () => call(true), relay: () => call({ empty: [], unreached: [] }) };
};

const session = () => ({ ...rpc("link", () => broken), [Symbol.dispose]: () => void disposed++ });

const createLinks = (link: () => Promise<ReturnType<typeof session> | undefined>): Links =>
  new Links({
    gateway: () => ({
      ...rpc("call", () => undefined),
      link: () => {
        calls.push("ask");
        return link();
      },
    }),
    clock: clock.read,
    after: timers.after,
  });

const create = (): Links => createLinks(async () => (willing ? session() : undefined));

/** Calls one after the other, `ms` apart. Returns how each was made, and where a link was asked for. */
const call = async (links: Links, times: number, ms = 0, gateway = "local-0"): Promise<string[]> => {
  calls = [];
  for (let time = 0; time < times; time++) {
    await links.call(gateway, (to) => to.deliver("market:A-USD", 1, []));
    await settled();
    pass(ms);
  }
  return calls;
};

/** Links that have one open. */
const opened = async (): Promise<Links> => {
  const links = create();
  await call(links, BURST + 2);
  expect(links.open).toBe(1);
  return links;
};

beforeEach(() => {
  clock = new FakeClock();
  timers = new FakeTimers();
  calls = [];
  willing = true;
  broken = undefined;
  disposed = 0;
});

describe("FAN-5 a link", () => {
  it("is opened to a gateway that is called often, and used from then on", async () => {
    const links = create();
    expect(await call(links, BURST + 1)).toEqual(Array(BURST + 1).fill("call"));
    expect(await call(links, 3)).toEqual(["ask", "call", "link", "link"]);
    expect(await call(links, 200, 50)).toEqual(Array(200).fill("link"));
    expect(links.open).toBe(1);
  });

  it("is not opened for up to ten calls a second, and holds up no hibernation then", async () => {
    const links = create();
    await call(links, 1_000, 100);
    expect(calls).toEqual(Array(1_000).fill("call"));
    expect(timers.pending).toEqual([]);
  });

  it("is not opened to gateways that are called seldom, however many there are", async () => {
    const links = create();
    const gateways = Array.from({ length: 2 * BURST }, (_, index) => `local-${index}`);
    const made: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (const gateway of gateways) made.push(...(await call(links, 1, 0, gateway)));
      pass(10_000);
    }
    expect(new Set(made)).toEqual(new Set(["call"]));
    expect(timers.pending).toEqual([]);
  });

  it("delays no call while it is opened", async () => {
    const opening = new Deferred<undefined>();
    const links = createLinks(() => opening.promise);
    await call(links, BURST + 2);
    expect(await call(links, 3)).toEqual(["call", "call", "call"]);
    opening.resolve(undefined);
  });

  it("is closed five to six seconds after its caller was busy last, whatever it still calls", async () => {
    const links = await opened();
    expect(await call(links, 10, 1_000)).toEqual([...Array(5).fill("link"), ...Array(5).fill("call")]);
    pass(QUIET_MS);
    expect({ open: links.open, disposed, timers: timers.pending }).toEqual({
      ...{ open: 0, disposed: 1, timers: [] },
    });
  });

  it("is closed five to six seconds after its last call, however busy its caller is with others", async () => {
    const links = await opened();
    await call(links, 130, 50, "local-1");
    expect({ open: links.open, disposed }).toEqual({ open: 1, disposed: 1 });
  });

  it("that is opened when no call comes any more is closed, too", async () => {
    const opening = new Deferred<ReturnType<typeof session>>();
    const links = createLinks(() => opening.promise);
    await call(links, BURST + 2);
    pass(10_000);
    opening.resolve(session());
    await settled();
    pass(QUIET_MS);
    expect({ open: links.open, disposed, timers: timers.pending }).toEqual({
      ...{ open: 0, disposed: 1, timers: [] },
    });
  });

  it("is opened to all that are called often, in whatever order calls come", async () => {
    const links = create();
    const gateways = Array.from({ length: 30 }, (_, index) => `local-${index}`);
    for (let round = 0; round < 20; round++) {
      for (const gateway of gateways) await call(links, 1, 0, gateway);
      pass(1_000);
    }
    expect(links.open).toBe(30);
  });

  it("is opened anew after five minutes, if there is still much to do", async () => {
    const links = await opened();
    const busy = await call(links, 6_100, 50);
    expect(busy.filter((way) => way === "ask")).toHaveLength(1);
    expect(busy.filter((way) => way === "call").length).toBeLessThanOrEqual(2);
    expect({ open: links.open, disposed }).toEqual({ open: 1, disposed: 1 });
    const quiet = await call(links, 310, 1_000);
    expect(quiet.filter((way) => way === "ask")).toHaveLength(0);
    expect({ open: links.open, disposed }).toEqual({ open: 0, disposed: 2 });
  });

  it("that a gateway refuses is asked for again after ten seconds", async () => {
    willing = false;
    const links = create();
    await call(links, BURST + 2);
    expect(new Set(await call(links, 199, 50))).toEqual(new Set(["call"]));
    willing = true;
    const made = await call(links, 4, 50);
    expect({ asked: made.filter((way) => way === "ask").length, last: made.at(-1) }).toEqual({
      ...{ asked: 1, last: "link" },
    });
  });

  it("is asked for less and less often where it is refused", async () => {
    willing = false;
    const links = create();
    const made = await call(links, 6_000, 50);
    // At first, and 10, 30, 70 and 150 s later.
    expect(made.filter((way) => way === "ask")).toHaveLength(5);
  });

  it("that breaks for a call which nobody waits for any more has it made no more", async () => {
    const links = await opened();
    const failure = new Deferred<never>();
    let made = 0;
    const late = links.call(
      "local-0",
      () => {
        made++;
        return failure.promise;
      },
      1_000,
    );
    clock.now += 1_001;
    failure.reject(new Error("gone"));
    await expect(late).rejects.toThrow("gone");
    expect(made).toBe(1);
  });

  it("that broke for one call is closed by no other", async () => {
    const links = await opened();
    const failures = [new Deferred<boolean>(), new Deferred<boolean>()];
    const pending = failures.map(({ promise }) => {
      let first = true;
      return links.call("local-0", () => {
        const answer = first ? promise : Promise.resolve(true);
        first = false;
        return answer;
      });
    });
    failures[0]?.reject(new Error("gone"));
    await pending[0];
    await call(links, 3);
    expect(links.open).toBe(1);
    failures[1]?.reject(new Error("gone"));
    await pending[1];
    expect({ open: links.open, disposed }).toEqual({ open: 1, disposed: 1 });
  });

  it("that breaks costs no call", async () => {
    const links = await opened();
    broken = new Error("The Durable Object's code has been updated.");
    expect(await call(links, 1)).toEqual(["link", "call"]);
    expect({ open: links.open, disposed }).toEqual({ open: 0, disposed: 1 });
    broken = undefined;
    expect(await call(links, 2)).toEqual(["ask", "call", "link"]);
  });

  it("that cannot be opened costs no call", async () => {
    const links = createLinks(async () => Promise.reject(new Error("gone")));
    await call(links, BURST + 2);
    expect(await call(links, 2)).toEqual(["call", "call"]);
  });

  it("whose gateway has too much to do does not call it again at once", async () => {
    const links = await opened();
    broken = Object.assign(new Error("Too many requests."), { overloaded: true });
    await expect(call(links, 1)).rejects.toBe(broken);
    expect(calls).toEqual(["link"]);
  });
});
