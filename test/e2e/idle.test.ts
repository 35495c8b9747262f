import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { signToken } from "../support/keys.ts";
import { engineUrl, RawClient } from "../support/raw-client.ts";
import { bar, credit, startService } from "../support/service.ts";

const SOCKETS = 1_000;
/** The platform hibernates an object after 10 s without work; there is no event to await for it. */
const HIBERNATED_AFTER_MS = 11_000;

const SYMBOL = "IDLE-USD";
/** So many events one by one that the room opens a link. */
const EVENTS = 150;

it("CONN-8, FAN-5: 1,000 idle sockets wake a gateway for no pong, and it hibernates between pings", async () => {
  const service = await startService({
    // The interval is long enough to hibernate in, and as short as that allows.
    vars: { GATEWAYS_PER_COLO: "1", PING_INTERVAL: "12000", PING_TIMEOUT: "12000" },
    entry: await readFile(new URL("../support/counting-worker.js", import.meta.url), "utf8"),
  });
  const stats = async (): Promise<{ life: string; messages: number }> =>
    (await (await fetch(`${service.origin}/test/stats`)).json()) as { life: string; messages: number };
  try {
    const token = await signToken("user_idle");
    const sockets: RawClient[] = [];
    // One after the other: workerd never hibernates an object that took several upgrades at a time.
    const connect = async (): Promise<RawClient> => {
      const socket = new RawClient(engineUrl(service.url));
      socket.answerPings();
      await socket.frame("0");
      socket.send(`40${JSON.stringify({ token })}`);
      await socket.frame('42["connected"');
      sockets.push(socket);
      return socket;
    };
    const first = await connect();
    first.send(`42["subscribe",{"room":"market:${SYMBOL}"}]`);
    await first.frame('42["subscribed"');
    for (let event = 1; event <= EVENTS; event++) {
      await service.publish(bar(SYMBOL, event));
      await first.frame('42["market_chart_live_update"', event);
    }
    expect((await service.room(`market:${SYMBOL}`)).links).toBe(1);
    while (sockets.length < SOCKETS) await connect();
    const awake = await stats();
    expect(awake.messages).toBe(SOCKETS + 1);

    // Every socket is pinged and its pong is answered, by the platform alone.
    await Promise.all(sockets.map((socket) => socket.frame("6")));
    const pinged = await stats();
    // It may have hibernated between two rounds already.
    expect(pinged.messages).toBe(pinged.life === awake.life ? SOCKETS + 1 : 0);

    await setTimeout(HIBERNATED_AFTER_MS);
    const woken = await stats();
    expect(woken.life).not.toBe(pinged.life);

    // Sockets and rooms outlived it: an event reaches everyone, and the next round pings everyone.
    const pings = sockets.map((socket) => socket.count("2"));
    await service.publish(credit("user_idle", 1));
    await Promise.all(sockets.map((socket) => socket.frame('42["credits_granted"')));
    await Promise.all(sockets.map((socket, index) => socket.frame("2", (pings[index] ?? 0) + 1)));
    expect(sockets.every((socket) => socket.count('42["credits_granted"') === 1)).toBe(true);
    expect((await stats()).messages).toBe(0);
    for (const socket of sockets) socket.close();
  } finally {
    await service.stop();
  }
}, 120_000);
