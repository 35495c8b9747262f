import { describe, expect } from "vitest";
import type { It } from "./client.ts";
import { BAD_REQUEST, UNKNOWN_SESSION } from "./engineio-handshake.ts";
import { decodePayload, type PollingClient } from "./polling-client.ts";
import { eventually, type Packet } from "./wire.ts";

const expectPolling = async (session: PollingClient): Promise<void> => {
  expect((await session.post("4polling")).body).toBe("ok");
  expect((await session.poll()).body).toBe("4polling");
};

export const upgradeTests = (it: It): void => {
  describe("upgrade", { concurrent: true }, () => {
    it("moves a session from polling to WebSocket", async ({ client }) => {
      const session = await client.polling();
      const held = await session.hold(["2"]);
      const webSocket = await client.probed(session);
      expect(await held.answer).toMatchObject({ status: 200, body: "6" });
      webSocket.send("5", "4hello", new Uint8Array([1, 2]));
      expect(await webSocket.receive()).toBe("4hello");
      expect(await webSocket.receive()).toEqual(new Uint8Array([1, 2]));
    });

    it("releases a GET that comes while the client probes", async ({ client }) => {
      const session = await client.polling();
      await client.probed(session);
      expect(await session.poll(["2"])).toMatchObject({ status: 200, body: "6" });
    });

    it("serves polling until the upgrade is complete", async ({ client }) => {
      const session = await client.polling();
      const webSocket = await client.probed(session);
      await expectPolling(session);
      webSocket.send("5", "4after");
      expect(await webSocket.receive()).toBe("4after");
    });

    it("loses and doubles nothing while it upgrades", async ({ client }) => {
      const session = await client.polling();
      const sent = Array.from({ length: 60 }, (_, index): Packet => `4${index}`);
      const received: Packet[] = [];
      const post = (start: number, end: number) => session.post(sent.slice(start, end).join("\x1e"));

      await post(0, 10);
      const webSocket = await client.probed(session);
      await post(10, 20);
      // One poll takes what has gathered; the rest is left for the WebSocket.
      received.push(...decodePayload((await session.poll()).body));
      await post(20, 40);
      await post(40, 50);
      webSocket.send("5", ...sent.slice(50));
      while (received.length < sent.length) received.push(await webSocket.receive());
      expect(received).toEqual(sent);
      webSocket.send("4end");
      expect(await webSocket.receive()).toBe("4end");
    });

    it("sends gathered bytes as bytes once it has upgraded", async ({ client }) => {
      const session = await client.polling();
      const webSocket = await client.probed(session);
      await session.post("4text\x1ebAQID\x1e4more");
      webSocket.send("5");
      expect(await webSocket.receive()).toBe("4text");
      expect(await webSocket.receive()).toEqual(new Uint8Array([1, 2, 3]));
      expect(await webSocket.receive()).toBe("4more");
    });

    it("refuses polling after the upgrade, and the session lives on", async ({ client }) => {
      const session = await client.polling();
      const webSocket = await client.probed(session);
      webSocket.send("5", "4up");
      expect(await webSocket.receive()).toBe("4up");
      for (const { status, body } of [await session.get(), await session.post("4x")]) {
        expect([status, JSON.parse(body)]).toEqual([400, BAD_REQUEST]);
      }
      webSocket.send("4alive");
      expect(await webSocket.receive()).toBe("4alive");
    });

    it("closes a second WebSocket of a session that has upgraded", async ({ client }) => {
      const session = await client.polling();
      const webSocket = await client.probed(session);
      webSocket.send("5", "4up");
      expect(await webSocket.receive()).toBe("4up");
      await client.upgrading(session).closed;
      webSocket.send("4alive");
      expect(await webSocket.receive()).toBe("4alive");
    });

    it("closes a second WebSocket while a first one probes", async ({ client }) => {
      const session = await client.polling();
      const first = await client.probed(session);
      await client.upgrading(session).closed;
      first.send("5", "4first");
      expect(await first.receive()).toBe("4first");
    });

    it.for([
      ["a message", "4early"],
      ["bytes", new Uint8Array([7])],
      ["a ping that is no probe", "2"],
      ["a ping with other data", "2other"],
      ["a pong", "3probe"],
      ["a close", "1"],
      ["a noop", "6"],
      ["an unknown packet type", "9"],
      ["an empty packet", ""],
    ] as const)("closes only the WebSocket on %s in place of the probe", async ([, packet], { client }) => {
      const session = await client.polling();
      const webSocket = client.upgrading(session);
      webSocket.send(packet);
      await webSocket.closed;
      await expectPolling(session);
    });

    it.for([
      ["a message", "4early"],
      ["a ping that is no probe", "2"],
      ["a pong", "3probe"],
      ["a close", "1"],
      ["an unknown packet type", "9"],
    ] as const)("closes only the WebSocket on %s in place of the upgrade", async ([, packet], { client }) => {
      const session = await client.polling();
      const webSocket = await client.probed(session);
      webSocket.send(packet);
      await webSocket.closed;
      await expectPolling(session);
    });

    it("stays with polling when the client closes the WebSocket, and may try again", async ({ client }) => {
      const session = await client.polling();
      const first = await client.probed(session);
      first.close();
      await first.closed;
      await expectPolling(session);
      const second = await client.probed(session);
      second.send("5", "4second");
      expect(await second.receive()).toBe("4second");
    });

    it("closes the WebSocket of a session that closes while it probes", async ({ client }) => {
      const session = await client.polling();
      const webSocket = await client.probed(session);
      await session.post("1");
      await webSocket.closed;
    });

    it("ends a session on the WebSocket when it ended while polling had paused [CONN-11]", async ({
      client,
    }) => {
      const session = await client.polling("socket.io");
      await session.post("40");
      await session.collect(2);
      const webSocket = await client.probed(session, "socket.io");
      // A client that has been answered 3probe sends no GET any more, so it cannot hear of this by polling.
      await session.post("42{}");
      webSocket.send("5");
      await webSocket.closed;
      expect((await session.get()).status).toBe(400);
    });

    it("closes a WebSocket that does not finish in time", async ({ client, skip }) => {
      const { upgradeTimeout } = client.settings;
      if (upgradeTimeout > 2_000) skip("the upgrade timeout is too long to wait for");
      const session = await client.polling();
      const start = performance.now();
      const webSocket = await client.probed(session);
      // Answers pings meanwhile.
      const polled = session.poll();
      await webSocket.closed;
      expect(performance.now() - start).toBeGreaterThan(upgradeTimeout - 20);
      await session.post("4polling");
      expect((await polled).body).toBe("4polling");
    });

    it("ends a session that has upgraded with its WebSocket", async ({ client }) => {
      const session = await client.polling();
      const webSocket = await client.probed(session);
      webSocket.send("5", "4up");
      await webSocket.receive();
      webSocket.close();
      const { body } = await eventually(
        () => session.get(),
        (answer) => JSON.parse(answer.body).code !== BAD_REQUEST.code,
      );
      expect(JSON.parse(body)).toEqual(UNKNOWN_SESSION);
    });

    it.for([
      ["no protocol version", ""],
      ["another protocol version", "EIO=3&"],
    ])("refuses an upgrade of a session with %s [CONN-1]", async ([, version], { client }) => {
      const session = await client.polling();
      const sid = encodeURIComponent(session.open.sid);
      expect(await client.webSocket(`${version}transport=websocket&sid=${sid}`).closed).toEqual({
        status: 400,
      });
      await expectPolling(session);
    });
  });
};
