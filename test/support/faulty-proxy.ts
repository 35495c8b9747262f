import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";

/** `up` is from the client to the service. */
export type Direction = "up" | "down";

/** What becomes of new connections: they pass, are reset, or are taken and never answered. */
export type Arrivals = "pass" | "refuse" | "swallow";

export interface FaultyProxy {
  readonly port: number;
  /** From now on new connections fare so. */
  arrivals: Arrivals;
  /** How long each chunk takes on its way, in ms. */
  latency: () => number;
  /** Holds what is sent in these directions, and the news of connections that end. */
  stall(...directions: Direction[]): void;
  /** Lets new connections and everything held pass, without latency. */
  heal(): void;
  /** Resets all connections, on both sides. */
  reset(): void;
  /** Resets all connections on one side; the other never hears of it. */
  halfOpen(resetSide: "client" | "service"): void;
  close(): void;
}

/** Two sides of a connection; neither hears of the other's end once it is `severed`. */
interface Link {
  readonly client: Socket;
  readonly upstream: Socket;
  severed: boolean;
}

/** A TCP proxy in front of `port`: one client's network, which delays, stalls, drops and resets. */
export const startFaultyProxy = async (port: number): Promise<FaultyProxy> => {
  const links = new Set<Link>();
  const swallowed = new Set<Socket>();
  const gates = new Map<Direction, PromiseWithResolvers<void>>();

  const pump = async (source: Socket, target: Socket, direction: Direction, link: Link): Promise<void> => {
    const pass = async (): Promise<void> => {
      const latency = proxy.latency();
      if (latency > 0) await setTimeout(latency);
      await gates.get(direction)?.promise;
    };
    try {
      for await (const chunk of source) {
        await pass();
        if (target.writable) target.write(chunk);
      }
      await pass();
      if (!link.severed) target.end();
    } catch {
      await pass();
      if (!link.severed) target.resetAndDestroy();
    }
  };

  const server = createServer(async (client) => {
    client.on("error", () => undefined);
    if (proxy.arrivals === "refuse") return client.resetAndDestroy();
    if (proxy.arrivals === "swallow") {
      swallowed.add(client);
      client.on("close", () => swallowed.delete(client)).resume();
      return;
    }
    const upstream = connect(port, "127.0.0.1").setNoDelay();
    upstream.on("error", () => undefined);
    const link: Link = { client: client.setNoDelay(), upstream, severed: false };
    links.add(link);
    await Promise.all([pump(client, upstream, "up", link), pump(upstream, client, "down", link)]);
    links.delete(link);
  });

  const heal = (): void => {
    proxy.arrivals = "pass";
    proxy.latency = () => 0;
    for (const { resolve } of gates.values()) resolve();
    gates.clear();
  };
  const proxy: FaultyProxy = {
    port: 0,
    arrivals: "pass",
    latency: () => 0,
    stall: (...directions) => {
      for (const direction of directions) {
        if (!gates.has(direction)) gates.set(direction, Promise.withResolvers());
      }
    },
    heal,
    reset: () => {
      for (const { client, upstream } of links) {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      }
    },
    halfOpen: (resetSide) => {
      for (const link of links) {
        link.severed = true;
        (resetSide === "client" ? link.client : link.upstream).resetAndDestroy();
      }
    },
    close: () => {
      server.close();
      heal();
      for (const { client, upstream } of links) {
        client.destroy();
        upstream.destroy();
      }
      for (const client of swallowed) client.destroy();
    },
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return Object.assign(proxy, { port: (server.address() as AddressInfo).port });
};
