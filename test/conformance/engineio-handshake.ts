import { describe, expect } from "vitest";
import type { Client, It } from "./client.ts";

/** Codes of the reference server's errors, with the messages that go with them. */
const UNKNOWN_TRANSPORT = { code: 0, message: "Transport unknown" };
export const UNKNOWN_SESSION = { code: 1, message: "Session ID unknown" };
const BAD_METHOD = { code: 2, message: "Bad handshake method" };
export const BAD_REQUEST = { code: 3, message: "Bad request" };
const BAD_VERSION = { code: 5, message: "Unsupported protocol version" };

const configured = ({ settings }: Client) => ({
  pingInterval: settings.pingInterval,
  pingTimeout: settings.pingTimeout,
  maxPayload: settings.maxPayload,
});

export const handshakeTests = (it: It): void => {
  describe("handshake", { concurrent: true }, () => {
    it("opens a session over polling [CONN-2]", async ({ client }) => {
      const { status, headers, body } = await client.request("EIO=4&transport=polling");
      expect(status).toBe(200);
      expect(headers.get("content-type")).toBe("text/plain; charset=UTF-8");
      expect(headers.get("cache-control")).toBe("no-store");
      expect(body).toMatch(/^0\{/);
      expect(JSON.parse(body.slice(1))).toEqual({
        sid: expect.stringMatching(/^.+$/),
        upgrades: ["websocket"],
        ...configured(client),
      });
    });

    it("opens a session over WebSocket [CONN-2]", async ({ client }) => {
      const webSocket = client.webSocket("EIO=4&transport=websocket");
      expect(await webSocket.open()).toEqual({
        sid: expect.stringMatching(/^.+$/),
        upgrades: [],
        ...configured(client),
      });
    });

    it("gives every session an id of its own [CONN-2]", async ({ client }) => {
      const polling = await Promise.all(Array.from({ length: 5 }, () => client.polling()));
      const sids = polling.map(({ open }) => open.sid);
      sids.push((await client.webSocket("EIO=4&transport=websocket").open()).sid);
      expect(new Set(sids).size).toBe(6);
    });

    it("ignores other query parameters, such as the `t` that busts caches", async ({ client }) => {
      const { status, body } = await client.request("t=abc&transport=polling&x=%20&EIO=4");
      expect([status, body.slice(0, 1)]).toEqual([200, "0"]);
    });

    it.for([
      ["no parameter at all", "", {}, UNKNOWN_TRANSPORT],
      ["no transport", "EIO=4", {}, UNKNOWN_TRANSPORT],
      ["an unknown transport", "EIO=4&transport=carrier-pigeon", {}, UNKNOWN_TRANSPORT],
      ["an inherited name as transport", "EIO=4&transport=constructor", {}, UNKNOWN_TRANSPORT],
      ["no protocol version", "transport=polling", {}, BAD_VERSION],
      ["an older protocol version", "EIO=3&transport=polling", {}, BAD_VERSION],
      ["a newer protocol version", "EIO=5&transport=polling", {}, BAD_VERSION],
      ["a version that is no number", "EIO=abc&transport=polling", {}, BAD_VERSION],
      ["POST without a session", "EIO=4&transport=polling", { method: "POST", body: "4x" }, BAD_METHOD],
      ["PUT without a session", "EIO=4&transport=polling", { method: "PUT", body: "4x" }, BAD_METHOD],
      ["DELETE without a session", "EIO=4&transport=polling", { method: "DELETE" }, BAD_METHOD],
      ["websocket without an upgrade", "EIO=4&transport=websocket", {}, BAD_REQUEST],
      ["GET of an unknown session", "EIO=4&transport=polling&sid=zzz", {}, UNKNOWN_SESSION],
      ["an inherited name as session", "EIO=4&transport=polling&sid=__proto__", {}, UNKNOWN_SESSION],
      [
        "POST to an unknown session",
        "EIO=4&transport=polling&sid=zzz",
        { method: "POST", body: "4x" },
        UNKNOWN_SESSION,
      ],
      ["an unknown session, no upgrade", "EIO=4&transport=websocket&sid=zzz", {}, UNKNOWN_SESSION],
    ] as const)("refuses %s [CONN-1]", async ([, query, init, error], { client }) => {
      const { status, headers, body } = await client.request(query, init);
      expect(status).toBe(400);
      expect(headers.get("content-type")).toMatch(/^application\/json/);
      expect(JSON.parse(body)).toEqual(error);
    });

    it.for([
      ["no transport", "EIO=4"],
      ["an unknown transport", "EIO=4&transport=carrier-pigeon"],
      ["an unknown session", "EIO=4&transport=websocket&sid=zzz"],
    ])("refuses an upgrade with %s [CONN-1]", async ([, query], { client }) => {
      expect(await client.webSocket(query ?? "").closed).toEqual({ status: 400 });
    });

    // The reference completes these upgrades and then drops the connection; refusing them does as well.
    it.for([
      ["no protocol version", "transport=websocket"],
      ["another protocol version", "EIO=3&transport=websocket"],
      ["the transport polling", "EIO=4&transport=polling"],
    ])("opens no session on an upgrade with %s [CONN-1]", async ([, query], { client }) => {
      const webSocket = client.webSocket(query ?? "");
      await webSocket.closed;
      await expect(webSocket.receive()).rejects.toThrow("The server ended the session");
    });

    it.for([
      ["websocket without an upgrade", "EIO=4&transport=websocket"],
      ["no protocol version", "transport=polling"],
      ["another protocol version", "EIO=3&transport=polling"],
    ])(
      "refuses a request of a polling session with %s, which lives on [CONN-1]",
      async ([, query], { client }) => {
        const session = await client.polling();
        const { status, body } = await client.request(`${query}&sid=${encodeURIComponent(session.open.sid)}`);
        expect([status, JSON.parse(body)]).toEqual([400, BAD_REQUEST]);
        await session.post("4alive");
        expect((await session.poll()).body).toBe("4alive");
      },
    );

    it.for(["PUT", "DELETE"])(
      "refuses %s in a session, which lives on [CONN-1]",
      async (method, { client }) => {
        const session = await client.polling();
        expect((await session.get({ method })).status).toBeGreaterThanOrEqual(400);
        await session.post("4alive");
        expect((await session.poll()).body).toBe("4alive");
      },
    );
  });
};
