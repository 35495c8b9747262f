import { test } from "vitest";
import { type Answer, PollingClient, PollingWire, request } from "./polling-client.ts";
import type { Settings, Target } from "./settings.ts";
import { WebSocketClient } from "./websocket-client.ts";
import type { Wire, WireOptions } from "./wire.ts";

export type Server = "engine.io" | "socket.io";

export const TRANSPORTS = ["polling", "websocket", "upgraded"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Makes the sessions of one test, and leaves them at its end. */
export class Client {
  readonly url: string;
  readonly settings: Settings;
  readonly #wires: Wire[] = [];

  constructor({ url, settings }: Target) {
    this.url = url.replace(/\/$/, "");
    this.settings = settings;
  }

  /** A request to the Engine.IO server, with `query` after the `?`. */
  request(query: string, init?: RequestInit): Promise<Answer> {
    return request(`${this.url}/engine.io/?${query}`, init);
  }

  polling(server: Server = "engine.io"): Promise<PollingClient> {
    return PollingClient.open(`${this.url}/${server}/?EIO=4&transport=polling`);
  }

  /** A WebSocket that has not been answered yet. */
  webSocket(query: string, server: Server = "engine.io", options?: WireOptions): WebSocketClient {
    const url = `${this.url.replace(/^http/, "ws")}/${server}/?${query}`;
    return this.#kept(new WebSocketClient(url, options));
  }

  /** A WebSocket for a session that polls so far. */
  upgrading(session: PollingClient, server: Server = "engine.io"): WebSocketClient {
    const sid = encodeURIComponent(session.open.sid);
    return this.webSocket(`EIO=4&transport=websocket&sid=${sid}`, server);
  }

  /** As `upgrading`, and the probe has been answered. */
  async probed(session: PollingClient, server: Server = "engine.io"): Promise<WebSocketClient> {
    const webSocket = this.upgrading(session, server);
    webSocket.send("2probe");
    const answer = await webSocket.receive();
    if (answer !== "3probe") throw new Error(`The probe was answered ${answer}`);
    return webSocket;
  }

  /** An open session over one transport, its OPEN packet read. */
  async wire(transport: TransportName, server: Server = "engine.io", options?: WireOptions): Promise<Wire> {
    if (transport === "websocket") {
      const webSocket = this.webSocket("EIO=4&transport=websocket", server, options);
      await webSocket.open();
      return webSocket;
    }
    const session = await this.polling(server);
    if (transport === "polling") return this.#kept(new PollingWire(session, options));
    const webSocket = await this.probed(session, server);
    webSocket.send("5");
    return webSocket;
  }

  leave(): void {
    for (const wire of this.#wires) wire.close();
  }

  #kept<T extends Wire>(wire: T): T {
    this.#wires.push(wire);
    return wire;
  }
}

/** The tests' `it`: each test gets a client of its own for the server under test. */
export const testsOf = (server: () => Target) =>
  test.extend<{ client: Client }>({
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures used from the pattern
    client: async ({}, use) => {
      const client = new Client(server());
      await use(client);
      client.leave();
    },
  });

export type It = ReturnType<typeof testsOf>;

/** Pings that come later than this are not waited for. */
const LONGEST_INTERVAL_MS = 2_000;

export const skipIfSlow = ({ settings }: Client, skip: (note: string) => void): void => {
  if (settings.pingInterval > LONGEST_INTERVAL_MS) skip("the ping interval is too long to wait for");
};
