import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { FleetSocket } from "../../../bench/client/fleet-socket.ts";

/** Enough of a Socket.IO server to talk to one client. */
let server: WebSocketServer;
let socket: FleetSocket;
let failures: string[];
let auths: Record<string, unknown>[];
let peer: WebSocket;

const event = (n: number, offset = `E.${n}`) =>
  peer.send(`42["credits_granted",${JSON.stringify({ amount: n })},"${offset}"]`);

beforeEach(async () => {
  failures = [];
  auths = [];
  server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (accepted) => {
    peer = accepted;
    accepted.send('0{"sid":"s"}');
    accepted.on("message", (data) => {
      const packet = data.toString();
      if (!packet.startsWith("40")) return;
      const auth = JSON.parse(packet.slice(2)) as Record<string, unknown>;
      auths.push(auth);
      accepted.send(`40${JSON.stringify({ sid: "s", pid: auth.offset === "E.2" ? auth.pid : "fresh" })}`);
      accepted.send('42["connected",{}]');
    });
  });
  socket = new FleetSocket({
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ...{ path: "/", token: "t" },
    onEvent: () => {},
    onFailure: (message) => failures.push(message),
  });
});

afterEach(() => {
  socket.drop();
  server.close();
});

const seen = (last: number) => expect.poll(() => socket.last).toBe(last);

describe("a client of a fleet", () => {
  it("comes back with its session and the offset of its last event, and sees whether it was recovered", async () => {
    await socket.connect();
    event(1);
    event(2);
    await seen(2);
    socket.drop();
    await socket.connect();
    expect(auths).toEqual([{ token: "t" }, { token: "t", pid: "fresh", offset: "E.2" }]);
    expect([socket.recovered, failures]).toEqual([true, []]);
    event(3);
    await seen(3);
    socket.drop();
    await socket.connect();
    expect([auths.at(-1)?.offset, auths.at(-1)?.pid]).toEqual(["E.3", "fresh"]);
  });

  it("counts what was skipped, and what came again or late", async () => {
    await socket.connect();
    for (const n of [1, 2, 2, 5, 4, 6]) event(n);
    await seen(6);
    expect([socket.skipped, socket.repeated]).toEqual([2, 2]);
  });

  it("says when the server ends its connection", async () => {
    await socket.connect();
    peer.terminate();
    await expect.poll(() => failures).toEqual(["The connection was closed."]);
  });
});
