import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packetAsText } from "../../../src/engineio/packet.ts";
import { SEPARATOR } from "../../../src/engineio/payload.ts";
import type { Session } from "../../../src/engineio/session.ts";
import {
  createPolling,
  engineFor,
  FakeTransport,
  RecordingApplication,
  settled,
} from "../../support/fakes.ts";

/** A client of one polling session that tries WebSockets, and all that it gets. */
const createClient = () => {
  const engine = engineFor(new RecordingApplication());
  const polling = createPolling({
    // As `PollingRequests` does.
    closed: () => {
      if (session.closed) session.upgrade?.fail();
    },
  });
  const session: Session = engine.open(polling, "s", undefined);
  const sent: string[] = [];
  const gets: string[][] = [];
  const wires: FakeTransport[] = [];

  const get = () => {
    const got: string[] = [];
    gets.push(got);
    polling.poll()?.then((payload) => void got.push(payload));
  };
  const begin = () => {
    const wire = new FakeTransport();
    const upgrade = engine.upgrade(session, wire, () => {});
    if (upgrade === undefined) throw new Error("The upgrade was refused.");
    wires.push(wire);
    return upgrade;
  };
  // Takes OPEN.
  get();
  gets.splice(0);
  let upgrade = begin();
  const send = (data: string | Uint8Array) => {
    if (!session.closed) sent.push(packetAsText(typeof data === "string" ? `4${data}` : data));
    session.sendMessage(data);
  };
  return {
    text: () => send(String(sent.length)),
    bytes: () => send(new Uint8Array([sent.length])),
    get,
    turn: settled,
    probe: () => upgrade.receive("2probe"),
    release: () => upgrade.releasePoll(),
    /** This upgrade fails, and another begins, if one may. */
    fail: () => {
      upgrade.receive("x");
      if (!session.closed) upgrade = begin();
    },
    complete: () => upgrade.receive("5"),
    close: () => {
      if (!session.closed) sent.push("1");
      engine.close(session, "forced close");
    },
    sent,
    /** What came, but for NOOP: by GETs, then by WebSockets. */
    received: () => {
      const polled = gets.flat().flatMap((payload) => payload.split(SEPARATOR));
      const framed = wires.flatMap((wire) => wire.sent.map(packetAsText));
      const news = (packets: string[]) => packets.filter((packet) => packet !== "6" && packet !== "3probe");
      return { polled: news(polled), framed: news(framed) };
    },
    closes: () => wires.flatMap((wire) => wire.closes.map(({ reason }) => reason)),
    get upgrade() {
      return upgrade;
    },
  };
};

describe("CONN-11 packets", () => {
  const before = fc.array(fc.constantFrom("text", "bytes", "get", "turn", "probe", "release", "fail"), {
    maxLength: 30,
  });
  const after = fc.array(fc.constantFrom("text", "bytes", "turn"), { maxLength: 5 });

  it("arrive once and in order, whatever happens when", async () => {
    await fc.assert(
      fc.asyncProperty(before, after, fc.boolean(), async (steps, more, completes) => {
        const client = createClient();
        for (const name of steps) await client[name]();
        if (completes) client.complete();
        for (const name of more) await client[name]();
        if (!completes) client.get();
        await settled();
        const { polled, framed } = client.received();
        expect([...polled, ...framed]).toEqual(client.sent);
        expect(completes || framed.length === 0).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("and CLOSE arrive once and in order when the server closes the session, by GET or after UPGRADE", async () => {
    await fc.assert(
      fc.asyncProperty(before, before, fc.boolean(), async (steps, more, completes) => {
        const client = createClient();
        for (const name of steps) await client[name]();
        client.close();
        for (const name of more) await client[name]();
        const pending = client.upgrade.pending;
        if (completes) client.complete();
        // A client whose attempt has failed polls on.
        // Once for the rest, once for CLOSE.
        if (!completes || !pending) for (let turn = 0; turn < 2; turn++) client.get();
        await settled();
        const { polled, framed } = client.received();
        expect([...polled, ...framed]).toEqual(client.sent);
        expect(client.sent.at(-1)).toBe("1");
        expect(client.upgrade.pending).toBe(false);
        const forced = client.closes().filter((reason) => reason === "forced close");
        expect(forced.length).toBe(completes && pending ? 1 : 0);
        expect(framed.at(-1)).toBe(completes && pending ? "1" : undefined);
      }),
      { numRuns: 300 },
    );
  });
});
