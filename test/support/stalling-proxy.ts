import { connect, createServer, type Socket } from "node:net";

export interface StallingProxy {
  readonly port: number;
  /** The connections of clients now: what each began with, and whether the service has sent anything back. */
  readonly connections: { readonly method: string; readonly answered: boolean }[];
  /** From now on nothing passes in either direction, and no connection is closed: the network is gone. */
  stall(): void;
  /** Sends bytes (as latin1) to the clients that the service has not sent. */
  inject(data: string): void;
  close(): void;
}

/** A TCP proxy in front of `port` whose network can be cut, or lie. */
export const startStallingProxy = async (port: number): Promise<StallingProxy> => {
  const clients = new Map<Socket, { method: string; answered: boolean }>();
  const upstreams = new Set<Socket>();
  let stalled = false;
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    const connection = { method: "", answered: false };
    clients.set(client, connection);
    upstreams.add(upstream);
    if (!stalled) {
      client.once("data", (data) => {
        connection.method = data.toString("latin1").split(" ", 1)[0] ?? "";
      });
      upstream.once("data", () => {
        connection.answered = true;
      });
    }
    for (const [sockets, socket, peer] of [
      [clients, client, upstream],
      [upstreams, upstream, client],
    ] as const) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        if (!stalled) peer.destroy();
      });
      if (!stalled) socket.pipe(peer);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    get connections() {
      return [...clients.values()];
    },
    stall: () => {
      stalled = true;
      for (const socket of [...clients.keys(), ...upstreams]) socket.unpipe().pause();
    },
    inject: (data) => {
      for (const client of clients.keys()) client.write(data, "latin1");
    },
    close: () => {
      for (const socket of [...clients.keys(), ...upstreams]) socket.destroy();
      server.close();
    },
  };
};
