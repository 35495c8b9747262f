import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import type { Settings } from "./settings.ts";

export interface ReferenceServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** The official servers, with the application that the suite expects, on a free port. */
export const startReferenceServer = async (settings: Settings): Promise<ReferenceServer> => {
  const { pingInterval, pingTimeout, connectTimeout, maxPayload, upgradeTimeout } = settings;
  const options = {
    pingInterval,
    pingTimeout,
    connectTimeout,
    upgradeTimeout,
    maxHttpBufferSize: maxPayload,
    serveClient: false,
    // Each of the two servers would end upgrades that are the other's.
    destroyUpgrade: false,
  };
  const http = createServer();
  const echo = new Server(http, { ...options, path: "/engine.io/" });
  // The package `engine.io` as `socket.io` carries it, without what `socket.io` puts on top.
  echo.engine.removeAllListeners("connection");
  echo.engine.on("connection", (session) => {
    session.on("message", (data: string | Buffer) => session.send(data));
  });

  const io = new Server(http, { ...options, path: "/socket.io/" });
  io.on("connection", (socket) => {
    greet(socket);
    socket.on("message", (...args: unknown[]) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args: unknown[]) => {
      const ack = args.pop();
      if (typeof ack === "function") ack(...args);
    });
  });
  io.of("/custom").on("connection", greet);

  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      const closed = once(http, "close");
      echo.engine.close();
      await io.close();
      http.closeAllConnections();
      await closed;
    },
  };
};

const greet = (socket: Socket): void => {
  socket.emit("auth", socket.handshake.auth);
};
