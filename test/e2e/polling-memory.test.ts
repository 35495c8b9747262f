import { on } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signToken } from "../support/keys.ts";
import { engineUrl, RawClient } from "../support/raw-client.ts";
import { RawPolling } from "../support/raw-polling.ts";
import { bar, credit, type Service, startService } from "../support/service.ts";

const ROOM = "market:BTC-USD";

/** Opens a WebSocket, and does nothing about the Close frame that it resolves with. */
const ignoresClose = async (url: string): Promise<Socket> => {
  const { hostname, port, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  let received = Buffer.alloc(0);
  for await (const chunk of on(socket, "data")) {
    received = Buffer.concat([received, chunk[0] as Buffer]);
    const end = received.indexOf("\r\n\r\n");
    // A frame begins with FIN and the opcode (RFC 6455, section 5.2).
    if (end !== -1 && received[end + 4] === 0x88) return socket;
  }
  throw new Error("The connection has ended without a Close frame.");
};

describe("CONN-10 CONN-11 what a session's transport means for its gateway", () => {
  const CONNECT_TIMEOUT_MS = 1_000;
  /** The platform hibernates an object 10 s after its last work; there is no event to await for it. */
  const HIBERNATED_AFTER_MS = CONNECT_TIMEOUT_MS + 11_000;

  let counting: Service;
  beforeAll(async () => {
    counting = await startService({
      vars: { GATEWAYS_PER_COLO: "1", CONNECT_TIMEOUT: String(CONNECT_TIMEOUT_MS) },
      entry: await readFile(new URL("../support/counting-worker.js", import.meta.url), "utf8"),
    });
  });
  afterAll(() => counting.stop());

  /** Names the time that the gateway has spent in memory. */
  const life = async (): Promise<string> =>
    ((await (await fetch(`${counting.origin}/test/stats`)).json()) as { life: string }).life;

  it("it may leave memory under a session that has upgraded, which loses nothing", async () => {
    // One request after the other: workerd often keeps an object forever that accepted a WebSocket among others.
    const session = await RawPolling.open(counting.origin);
    await session.join(await signToken("user_upgraded"), ROOM);
    const socket = new RawClient(`${engineUrl(counting.url)}&sid=${session.sid}`);
    socket.send("2probe");
    await socket.frame("3probe");
    socket.send("5");
    socket.send('42["ping"]');
    await socket.frame('42["pong"');
    // Nor does a WebSocket keep it that the session may not try, and whose client ignores the server's Close frame.
    const rude = await ignoresClose(`${engineUrl(counting.url)}&sid=${session.sid}`);
    const before = await life();
    await counting.evict("Gateway", "local-0");
    await counting.publish([bar("BTC-USD", 1), credit("user_upgraded", 1)]);
    await socket.frame('42["market_chart_live_update"');
    await socket.frame('42["credits_granted"');
    expect(await life()).not.toBe(before);
    rude.destroy();
    socket.close();
    await socket.closed;
  });

  it("a polling session keeps it in memory, between two polls too", async () => {
    const session = await RawPolling.open(counting.origin);
    await session.join(await signToken("user_polling"), ROOM);
    const before = await life();
    await setTimeout(HIBERNATED_AFTER_MS);
    expect(await life()).toBe(before);
    await counting.publish(credit("user_polling", 1));
    await session.packet('42["credits_granted"');
    await session.post("1");
  });
});
