import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestClient, TRANSPORTS, type Transports } from "../support/client.ts";
import { bar, credit, type Service, startService } from "../support/service.ts";

/** A client that reconnects as a stock one does, only sooner. */
const RECONNECTING = {
  reconnection: true,
  reconnectionDelay: 50,
  reconnectionDelayMax: 200,
  randomizationFactor: 0,
} as const;

const reconnecting = (service: Service, userId: string, transports: Transports = "websocket", rest = {}) =>
  service.connect(userId, { transports, socket: RECONNECTING, ...rest });

/** Breaks the connection as a network does that is gone: the service is told nothing. */
const drop = async (client: TestClient): Promise<void> => {
  client.socket.io.engine.close();
  await client.next("disconnect");
};

/** Drops the connection, publishes meanwhile, and waits until the client is back. */
const dropAnd = async (client: TestClient, meanwhile: () => Promise<unknown>): Promise<void> => {
  await holdingReconnection(client, async () => {
    await drop(client);
    await meanwhile();
  });
};

/** A client that is down does not try again before `work` is done. */
const holdingReconnection = async (client: TestClient, work: () => Promise<void>): Promise<void> => {
  const manager = client.socket.io;
  manager.reconnection(false);
  await work();
  manager.reconnection(true);
  client.socket.connect();
  await client.next("connected");
};

const amounts = (client: TestClient): number[] =>
  client.payloads("credits_granted").map(({ amount }) => amount);

describe("USER-2 connection state recovery", () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.stop());

  it.each(TRANSPORTS)("gives a client on %s its socket, rooms and missed events back", async (transports) => {
    const userId = `user_back_${transports}`;
    const client = await reconnecting(service, userId, transports);
    if (transports === "default") await client.upgraded();
    const symbol = `BTC-${transports.toUpperCase()}`;
    await client.subscribe(`market:${symbol}`);
    await client.subscribe("market:ETH-USD");
    const { id } = client.socket;
    await service.publish([credit(userId, 1), bar(symbol, 1)]);
    await client.all("credits_granted", 1);
    await dropAnd(client, () =>
      service.publish([credit(userId, 2), credit(userId, 3), bar(symbol, 2), bar(symbol, 3)]),
    );
    expect(client.socket.recovered).toBe(true);
    expect(client.socket.id).toBe(id);
    await service.publish([credit(userId, 4), bar(symbol, 4), bar("ETH-USD", 5)]);
    await client.all("credits_granted", 4);
    await client.next("market_chart_live_update", (tick) => tick.symbol === "ETH-USD");
    await client.next("market_chart_live_update", ({ timestamp }) => timestamp === 4);
    expect(amounts(client)).toEqual([1, 2, 3, 4]);
    const bars = client.payloads("market_chart_live_update").filter((tick) => tick.symbol === symbol);
    expect(bars.map(({ timestamp }) => timestamp)).toEqual([1, 3, 4]);
    expect(client.payloads("subscribed")).toHaveLength(2);
  });
});
