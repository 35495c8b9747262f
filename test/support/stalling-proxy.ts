import { connect, createServer, type Socket } from "node:net";

export interface StallingProxy {
  readonly port: number;
  /** How many connections clients have now. */
  readonly connections: number;
  /** From now on nothing passes in either direction, and no connection is closed: the network is gone. */
  stall(): void;
  /** Sends bytes (as latin1) to the clients that the service has not sent. */
  inject(data: string): void;
  close(): void;
}

/** A TCP proxy in front of `port` whose network can be cut, or lie. */
export const startStallingProxy = async (port: number): Promise<StallingProxy> => {
  const clients = new Set<Socket>();
  const upstreams = new Set<Socket>();
  let stalled = false;
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [sockets, socket, peer] of [
      [clients, client, upstream],
      [upstreams, upstream, client],
    ] as const) {
      sockets.add(socket);
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
      return clients.size;
    },
    stall: () => {
      stalled = true;
      for (const socket of [...clients, ...upstreams]) socket.unpipe().pause();
    },
    inject: (data) => {
      for (const client of clients) client.write(data, "latin1");
    },
    close: () => {
      for (const socket of [...clients, ...upstreams]) socket.destroy();
      server.close();
    },
  };
};
