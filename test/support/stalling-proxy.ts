import { connect, createServer, type Socket } from "node:net";

export interface StallingProxy {
  readonly port: number;
  /** From now on nothing passes in either direction, and no connection is closed: the network is gone. */
  stall(): void;
  close(): void;
}

/** A TCP proxy in front of `port` whose network can be cut. */
export const startStallingProxy = async (port: number): Promise<StallingProxy> => {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    client.pipe(upstream);
    upstream.pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    stall: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
};
