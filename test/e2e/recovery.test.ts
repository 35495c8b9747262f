import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ClientOptions, type TestClient, TRANSPORTS } from "../support/client.ts";
import { signToken } from "../support/keys.ts";
import { RawClient } from "../support/raw-client.ts";
import { bar, credit, type Service, startService } from "../support/service.ts";

const webSocketUrl = (service: Service): string => `${service.url}/socket.io/?EIO=4&transport=websocket`;

const amounts = (client: TestClient): number[] =>
  client.payloads("credits_granted").map(({ amount }) => amount);

/** What a client has had of a market's bars, in order: those of a series together, live ones one by one. */
const bars = (client: TestClient, symbol: string): (number | number[])[] =>
  client.received.flatMap(({ event, payload }): (number | number[])[] => {
    // What the catalogue says they are.
    const {
      symbol: of,
      timestamp,
      series,
    } = payload as {
      symbol?: string;
      timestamp: number;
      series: { timestamp: number }[];
    };
    if (of !== symbol) return [];
    if (event === "market_chart_initial_data") return [series.map((bar) => bar.timestamp)];
    return event === "market_chart_live_update" ? [timestamp] : [];
  });

describe("USER-2 connection state recovery", () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.stop());

  it.each(TRANSPORTS)("gives a client on %s its socket, rooms and missed events back", async (transports) => {
    const userId = `user_back_${transports}`;
    const symbol = `BTC-${transports.toUpperCase()}`;
    const left = `LEFT-${transports.toUpperCase()}`;
    const client = await service.connect(userId, { transports });
    if (transports === "default") await client.upgraded();
    await client.subscribe(`market:${symbol}`);
    await client.subscribe("market:ETH-USD");
    await client.subscribe(`market:${left}`);
    client.socket.emit("unsubscribe", { room: `market:${left}` });
    await client.next("unsubscribed");
    const { id } = client.socket;
    await service.publish([credit(userId, 1), bar(symbol, 1)]);
    await client.all("credits_granted", 1);
    await client.drop();
    await service.publish([credit(userId, 2), credit(userId, 3), bar(symbol, 2), bar(symbol, 3)]);
    await client.comeBack();
    expect(client.socket.recovered).toBe(true);
    expect(client.socket.id).toBe(id);
    await service.publish([credit(userId, 4), bar(left, 1), bar(symbol, 4), bar("ETH-USD", 5)]);
    await client.all("credits_granted", 4);
    await client.next("market_chart_live_update", (tick) => tick.symbol === "ETH-USD");
    await client.next("market_chart_live_update", ({ timestamp }) => timestamp === 4);
    await client.settled();
    expect(amounts(client)).toEqual([1, 2, 3, 4]);
    // What the room has comes first.
    expect(bars(client, symbol)).toEqual([[], 1, [1, 2, 3], 4]);
    expect(bars(client, left)).toEqual([[]]);
    expect(client.payloads("subscribed")).toHaveLength(3);
  });

  it("counts durable events alone: no answer, acknowledgement or market event moves the offset", async () => {
    const userId = "user_offset";
    const client = await service.connect(userId);
    /** Where a stock client keeps it. */
    const offset = (): unknown => Reflect.get(client.socket, "_lastOffset");
    expect(offset()).toBeUndefined();
    await service.publish(credit(userId, 1));
    await client.all("credits_granted", 1);
    const first = offset();
    expect(first).toMatch(/^[\w-]+\.1$/);
    await client.request("subscribe", "market:OFFSET-USD");
    client.socket.emit("query", { sql: "SELECT 1", applicationId: "app" });
    await service.publish([
      bar("OFFSET-USD", 1),
      { event: "query_progress", userId, data: { queryId: "q", rowsProcessed: 1, pct: 1 } },
    ]);
    await Promise.all([client.next("query_error"), client.next("query_progress")]);
    await client.next("market_chart_live_update");
    await client.settled();
    expect(offset()).toBe(first);
    await client.drop();
    await client.comeBack();
    await client.settled();
    expect(client.socket.recovered).toBe(true);
    expect(amounts(client)).toEqual([1]);
  });

  it("needs no event to have come before, and works any number of times", async () => {
    const userId = "user_often";
    const client = await service.connect(userId, { path: "/ws" });
    const { id } = client.socket;
    for (let turn = 1; turn <= 4; turn++) {
      await client.drop();
      await service.publish(credit(userId, turn));
      await client.comeBack();
      expect(client.socket).toMatchObject({ recovered: true, id });
      await client.all("credits_granted", turn);
      // And once without anything that was missed.
      await client.drop();
      await client.comeBack();
      expect(client.socket).toMatchObject({ recovered: true, id });
    }
    await client.settled();
    expect(amounts(client)).toEqual([1, 2, 3, 4]);
  });

  it("takes a client over from a connection that the service still believes in", async () => {
    const userId = "user_takeover";
    const room = "market:TAKEOVER-USD";
    const watcher = await service.connect("user_watcher");
    await watcher.subscribe(room);
    const token = await signToken(userId);
    const connect = async (resume: object): Promise<RawClient> => {
      const client = new RawClient(webSocketUrl(service));
      await client.frame("0");
      client.send(`40${JSON.stringify({ token, ...resume })}`);
      await client.frame("40");
      return client;
    };
    const old = await connect({});
    const { sid, pid } = JSON.parse((await old.frame("40")).slice(2));
    old.send(`42["subscribe",{"room":"${room}"}]`);
    await old.frame('42["subscribed"');
    // From any gateway of the two to any.
    let before = old;
    for (let turn = 0; turn < 6; turn++) {
      const client = await connect({ pid });
      expect(JSON.parse((await client.frame("40")).slice(2))).toEqual({ sid, pid });
      expect(await before.closed).toEqual({ code: 1000, reason: "forced close" });
      expect(await watcher.subscribe(room)).toMatchObject({ subscriberCount: 2 });
      await service.publish(bar("TAKEOVER-USD", turn));
      await client.frame('42["market_chart_live_update"');
      before = client;
    }
    before.close();
    await watcher.next("user_left_room", (left) => left.userId === userId);
    expect(watcher.payloads("user_joined_room")).toHaveLength(1);
    expect(watcher.payloads("user_left_room")).toHaveLength(1);
  });

  it("serves the same offset twice, to clients that ask for it with the right token only", async () => {
    const userId = "user_twice";
    const [token, other] = await Promise.all([signToken(userId), signToken("user_other")]);
    const url = webSocketUrl(service);
    const first = new RawClient(url);
    await first.frame("0");
    first.send(`40${JSON.stringify({ token })}`);
    const { sid, pid } = JSON.parse((await first.frame("40")).slice(2));
    expect(pid).toMatch(/^[\w-]{22}$/);
    await service.publish([credit(userId, 1), credit(userId, 2)]);
    const [, payload, offset] = JSON.parse((await first.frame('42["credits_granted"')).slice(2));
    expect(payload.amount).toBe(1);
    expect(offset).toMatch(/^[\w-]+\.1$/);
    first.close();
    for (const turn of [1, 2]) {
      const again = new RawClient(url);
      await again.frame("0");
      again.send(`40${JSON.stringify({ pid, offset, token })}`);
      expect(JSON.parse((await again.frame("40")).slice(2)), `turn ${turn}`).toEqual({ sid, pid });
      const missed = JSON.parse((await again.frame('42["credits_granted"')).slice(2));
      expect(missed[1].amount).toBe(2);
      again.close();
    }
    const stranger = new RawClient(url);
    await stranger.frame("0");
    stranger.send(`40${JSON.stringify({ pid, offset, token: other })}`);
    const answer = JSON.parse((await stranger.frame("40")).slice(2));
    expect(answer.sid).not.toBe(sid);
    expect(answer.pid).not.toBe(pid);
    stranger.close();
  });

  it("does not bring back a socket that its client has ended", async () => {
    const client = await service.connect("user_ended");
    const { id } = client.socket;
    client.socket.disconnect();
    await client.comeBack();
    expect(client.socket.recovered).toBe(false);
    expect(client.socket.id).not.toBe(id);
    // The client still sends the offset of its earlier session, if it has one; this session is recovered.
    const renewed = client.socket.id;
    await client.drop();
    await service.publish(credit("user_ended", 1));
    await client.comeBack();
    expect(client.socket).toMatchObject({ recovered: true, id: renewed });
    await client.all("credits_granted", 1);
  });

  it("sends a result for one socket to that socket alone, also if it was away", async () => {
    const userId = "user_narrow";
    const [client, sibling] = await Promise.all([service.connect(userId), service.connect(userId)]);
    await client.drop();
    const socketId = (await client.received.find(({ event }) => event === "connect")?.payload) as string;
    await service.publish([{ ...credit(userId, 1), socketId }, credit(userId, 2)]);
    await client.comeBack();
    await Promise.all([client.all("credits_granted", 2), sibling.all("credits_granted", 1)]);
    expect([amounts(client), amounts(sibling)]).toEqual([[1, 2], [2]]);
  });
});

describe("USER-2 what cannot be recovered wholly is not recovered", () => {
  /** Connects, drops, does `meanwhile` and comes back; returns the client. */
  const backAfter = async (
    service: Service,
    userId: string,
    meanwhile: (client: TestClient) => Promise<unknown>,
    options: ClientOptions = {},
  ): Promise<TestClient> => {
    const client = await service.connect(userId, options);
    await service.publish(credit(userId, 1));
    await client.all("credits_granted", 1);
    await client.drop();
    await meanwhile(client);
    await client.comeBack();
    return client;
  };

  it("after the recovery window", async () => {
    const service = await startService({ vars: { RECOVERY_WINDOW_S: "1" } });
    try {
      const client = await backAfter(service, "user_late", async () => {
        // Time is the subject here.
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        await service.publish(credit("user_late", 2));
      });
      expect(client.socket.recovered).toBe(false);
      await service.publish(credit("user_late", 3));
      await client.all("credits_granted", 2);
      expect(amounts(client)).toEqual([1, 3]);
    } finally {
      await service.stop();
    }
  });

  it("when more was published than is kept", async () => {
    const service = await startService({ vars: { RECOVERY_MAX_EVENTS: "3" } });
    try {
      const client = await backAfter(service, "user_much", async () => {
        for (let amount = 2; amount < 12; amount++) await service.publish(credit("user_much", amount));
        // A second client's recovery shows when the room has been trimmed.
        const witness = await service.connect("user_much");
        await witness.settled();
      });
      expect(client.socket.recovered).toBe(false);
      await service.publish(credit("user_much", 12));
      await client.all("credits_granted", 2);
      expect(amounts(client)).toEqual([1, 12]);
    } finally {
      await service.stop();
    }
  });
});

it("USER-1 USER-2 nothing is lost, doubled or reordered when the process is killed and started again", async () => {
  const persist = await mkdtemp(path.join(tmpdir(), "ledgercore-recovery-"));
  const service = await startService({ persist });
  const userId = "user_restart";
  const client = await service.connect(userId, { transports: "default" });
  try {
    await client.upgraded();
    await client.subscribe("market:BTC-USD");
    const { id } = client.socket;
    await service.publish([credit(userId, 1), credit(userId, 2)]);
    await client.all("credits_granted", 2);
    // Accepted, and perhaps not delivered yet.
    await service.publish(credit(userId, 3));
    await service.crash();
    await client.next("disconnect");
    const revived = await startService({ persist, port: Number(new URL(service.origin).port) });
    try {
      await revived.publish(credit(userId, 4));
      await client.comeBack();
      expect(client.socket).toMatchObject({ recovered: true, id });
      await revived.publish([credit(userId, 5), bar("BTC-USD", 1)]);
      await client.all("credits_granted", 5);
      await client.next("market_chart_live_update");
      expect(amounts(client)).toEqual([1, 2, 3, 4, 5]);
    } finally {
      await revived.stop();
    }
  } finally {
    client.close();
    await rm(persist, { recursive: true });
  }
});
