import http from "node:http";
import { describe, expect } from "vitest";
import type { It } from "./client.ts";
import { UNKNOWN_SESSION } from "./engineio-handshake.ts";
import type { PollingClient } from "./polling-client.ts";
import { within } from "./wire.ts";

const expectGone = async (session: PollingClient): Promise<void> => {
  const posted = await session.gone();
  const got = await session.get();
  for (const { status, body } of [posted, got]) {
    expect([status, JSON.parse(body)]).toEqual([400, UNKNOWN_SESSION]);
  }
};

export const pollingTests = (it: It): void => {
  describe("polling", { concurrent: true }, () => {
    it("holds a GET until there is a packet", async ({ client }) => {
      const session = await client.polling();
      const held = await session.hold();
      let answered = false;
      held.answer.finally(() => {
        answered = true;
      });
      await session.roundTrips();
      expect(answered).toBe(false);
      const posted = await session.post("4one");
      expect([posted.status, posted.body]).toEqual([200, "ok"]);
      expect((await held.answer).body).toBe("4one");
    });

    it("ends the session on two GETs at once [CONN-9]", async ({ client }) => {
      const session = await client.polling();
      const first = await session.hold();
      const answers = [await session.poll(), await first.answer];
      answers.sort((a, b) => a.status - b.status);
      // Which of two requests came second shows in the answer only.
      expect(answers.map(({ status }) => status)).toEqual([200, 400]);
      expect(answers[0]?.body).toBe("1");
      await expectGone(session);
    });

    it("ends the session on two POSTs at once [CONN-9]", async ({ client }) => {
      const session = await client.polling();
      const slow = session.begin("POST");
      slow.write("4unfinished");
      await expectGone(session);
      slow.destroy();
    });

    it("ends the session of a GET that is cancelled, at the latest with the next GET [CONN-10]", async ({
      client,
    }) => {
      for (let attempt = 1; ; attempt++) {
        const start = performance.now();
        const session = await client.polling();
        const get = session.begin("GET");
        get.end();
        await session.roundTrips();
        get.destroy();
        // On a slow machine a ping may have released the GET, which leaves nothing to cancel.
        if (performance.now() - start > client.settings.pingInterval / 2 && attempt < 10) continue;
        // A server need not hear that a client has gone; the next GET finds the session ended, or ends it.
        expect((await session.get()).status).toBe(400);
        await expectGone(session);
        return;
      }
    });

    it("ends the session of a POST that is cancelled", async ({ client }) => {
      // On a slow machine a ping may release the GET, so this may be tried again.
      for (let attempt = 1; ; attempt++) {
        const session = await client.polling();
        const held = session.get();
        const post = session.begin("POST");
        post.write("4unfinished");
        await session.roundTrips();
        post.destroy();
        const { status, body } = await held;
        if (body === "2" && attempt < 5) continue;
        expect([status, body]).toEqual([200, "1"]);
        await expectGone(session);
        return;
      }
    });

    it.for([
      ["an unknown packet type", "9"],
      ["text without a packet type", "abc"],
      ["an empty payload", ""],
      ["a ping, which is the server's to send", "2"],
      ["a ping with data", "2abc"],
    ])("ends the session on %s [CONN-9]", async ([, body], { client }) => {
      const session = await client.polling();
      const held = await session.hold();
      await session.post(body ?? "").catch(() => undefined);
      expect(await held.answer).toMatchObject({ status: 200, body: "1" });
      await expectGone(session);
    });

    it.for([
      ["an unknown packet type after a message", "4a\x1e9\x1e4b"],
      ["an empty packet between messages", "4a\x1e\x1e4b"],
      ["an empty packet at the end", "4a\x1e"],
      ["an empty packet at the start", "\x1e4a"],
      ["nothing but a separator", "\x1e"],
    ])("ends the session on %s [CONN-9]", async ([, body], { client }) => {
      const session = await client.polling();
      const held = await session.hold();
      await session.post(body ?? "").catch(() => undefined);
      // Whether messages before the fault are taken is open; those after it are not.
      const { status, body: last } = await held.answer;
      expect(status).toBe(200);
      expect(["1", "4a"]).toContain(last);
      await expectGone(session);
    });

    it("keeps the connection of a POST that it refuses [CONN-1]", async ({ client }) => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      const refused = () =>
        new Promise<{ status: number | undefined; reused: boolean }>((resolve, reject) => {
          const post = http.request(
            `${client.url}/engine.io/?EIO=4&transport=polling&sid=${unknownSid}`,
            { method: "POST", agent },
            (response) => {
              response.resume();
              response.on("end", () => resolve({ status: response.statusCode, reused: post.reusedSocket }));
            },
          );
          post.on("error", reject);
          post.end("4hello");
        });
      // An id that was good once, so that no server can tell by its form.
      const session = await client.polling();
      const unknownSid = encodeURIComponent(session.open.sid);
      await session.post("1");
      try {
        expect(await refused()).toEqual({ status: 400, reused: false });
        // Whether a connection has been closed shows a moment later, or in the next request's failure.
        for (let turn = 0; turn < 3; turn++) expect(await refused()).toEqual({ status: 400, reused: true });
      } finally {
        agent.destroy();
      }
    });

    it("refuses a binary body and ends the session [CONN-9]", async ({ client }) => {
      const session = await client.polling();
      const held = await session.hold();
      const { status } = await session.post("4x", {
        headers: { "content-type": "application/octet-stream" },
      });
      expect(status).toBe(400);
      expect(await held.answer).toMatchObject({ status: 200, body: "1" });
      await expectGone(session);
    });

    it.for(["text/plain;charset=UTF-8", "text/plain", "text/html"])(
      "takes a body of type %s",
      async (type, { client }) => {
        const session = await client.polling();
        expect((await session.post("4é", { headers: { "content-type": type } })).status).toBe(200);
        expect((await session.poll()).body).toBe("4é");
      },
    );
  });

  describe("close", { concurrent: true }, () => {
    it("answers a GET that it holds with noop when the client closes", async ({ client }) => {
      const session = await client.polling();
      const held = await session.hold(["2"]);
      const posted = await session.post("1");
      expect([posted.status, posted.body]).toEqual([200, "ok"]);
      expect(await held.answer).toMatchObject({ status: 200, body: "6" });
      await expectGone(session);
    });

    it("forgets a session that closes between polls", async ({ client }) => {
      const session = await client.polling();
      expect((await session.post("1")).status).toBe(200);
      await expectGone(session);
    });

    it("takes no packet after close in the same payload", async ({ client }) => {
      const session = await client.polling();
      const held = await session.hold(["2"]);
      await session.post("4a\x1e1\x1e4b");
      expect(["4a", "6", "4a\x1e6"]).toContain((await held.answer).body);
      await expectGone(session);
    });

    it("refuses a WebSocket for a session that is closed [CONN-1]", async ({ client }) => {
      const session = await client.polling();
      await session.post("1");
      expect(await client.upgrading(session).closed).toEqual({ status: 400 });
    });

    // The reference leaves the connection open until its heartbeat fails, since a client would close it.
    it("ends a session over WebSocket whose client sends close", async ({ client }) => {
      const wire = await client.wire("websocket", "engine.io", { answersPings: false });
      wire.send("1");
      await within(wire.closed, "the end of the session");
    });

    it.for(["9", "abc", ""])("ends a session over WebSocket on %j [CONN-9]", async (packet, { client }) => {
      const wire = await client.wire("websocket");
      const bystander = await client.wire("websocket");
      wire.send(packet, "4late");
      await within(wire.closed, "the end of the session");
      await expect(wire.receive()).rejects.toThrow("The server ended the session");
      bystander.send("4alive");
      expect(await bystander.receive()).toBe("4alive");
    });
  });
};
