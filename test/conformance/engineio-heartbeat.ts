import { setTimeout } from "node:timers/promises";
import { describe, expect } from "vitest";
import { type It, skipIfSlow, TRANSPORTS } from "./client.ts";
import { PATIENCE_MS, within } from "./wire.ts";

/** Timers may fire this early; what is measured begins before the server's clock and ends after it. */
const SLACK_MS = 20;

const BOTH = ["polling", "websocket"] as const;

export const heartbeatTests = (it: It): void => {
  describe("heartbeat", { concurrent: true }, () => {
    it.for(TRANSPORTS)("pings over %s and lives on pongs [CONN-8]", async (transport, { client, skip }) => {
      skipIfSlow(client, skip);
      const { pingInterval, pingTimeout } = client.settings;
      const start = performance.now();
      const wire = await client.wire(transport);
      // Longer than a session without pongs could live.
      const rounds = 3 + Math.ceil(pingTimeout / pingInterval);
      for (let turn = 0; wire.pings < rounds; turn++) {
        if (performance.now() - start > rounds * pingInterval + PATIENCE_MS) throw new Error("Too few pings");
        wire.send(`4${turn}`);
        expect(await wire.receive()).toBe(`4${turn}`);
        await setTimeout(pingInterval / 4);
      }
      expect(performance.now() - start).toBeGreaterThan(rounds * pingInterval - SLACK_MS);
    });

    it.for(BOTH)(
      "ends a session over %s that leaves a ping unanswered [CONN-8]",
      async (transport, { client, skip }) => {
        skipIfSlow(client, skip);
        const { pingInterval, pingTimeout } = client.settings;
        const start = performance.now();
        const wire = await client.wire(transport, "engine.io", { answersPings: false });
        await within(wire.closed, "the ping timeout");
        expect(performance.now() - start).toBeGreaterThan(pingInterval + pingTimeout - SLACK_MS);
        expect(wire.pings).toBeGreaterThanOrEqual(1);
      },
    );

    it.for(BOTH)("does not take messages over %s for pongs [CONN-8]", async (transport, { client, skip }) => {
      skipIfSlow(client, skip);
      const wire = await client.wire(transport, "engine.io", { answersPings: false });
      const chatter = setInterval(() => wire.send("4chatter"), 50);
      try {
        await within(wire.closed, "the ping timeout", 5_000);
      } finally {
        clearInterval(chatter);
      }
      expect(wire.pings).toBeGreaterThanOrEqual(1);
    });

    it("pings a GET that it holds [CONN-8]", async ({ client, skip }) => {
      skipIfSlow(client, skip);
      const session = await client.polling();
      expect((await session.poll(["6"])).body).toBe("2");
    });

    it("releases a GET at the ping timeout, and forgets the session [CONN-8]", async ({ client, skip }) => {
      skipIfSlow(client, skip);
      const session = await client.polling();
      expect((await session.get()).body).toBe("2");
      // The close packet, unless the session was over before the request came.
      const { status, body } = await session.get();
      expect([200, 400]).toContain(status);
      if (status === 200) expect(body).toBe("1");
      expect((await session.get()).status).toBe(400);
      expect((await session.post("3")).status).toBe(400);
    });

    it("forgets a session that never polls again [CONN-8]", async ({ client, skip }) => {
      skipIfSlow(client, skip);
      const { pingInterval, pingTimeout } = client.settings;
      const session = await client.polling();
      // Twice as long as it may take: a server under load may be late.
      await setTimeout(2 * (pingInterval + pingTimeout));
      expect((await session.get()).status).toBe(400);
    });

    it.for(["2", "2abc", "2probe"])(
      "takes no ping from a client over WebSocket: %s [CONN-8] [CONN-9]",
      async (ping, { client }) => {
        const wire = await client.wire("websocket");
        wire.send(ping, "4late");
        await within(wire.closed, "the end of the session");
        await expect(wire.receive()).rejects.toThrow("The server ended the session");
      },
    );
  });
};
