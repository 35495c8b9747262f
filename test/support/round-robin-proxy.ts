import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A request that went through. */
export interface Passed {
  readonly method: string;
  readonly url: string;
  /** Which of the targets got it. */
  readonly target: number;
  /** Its status: 101 for an upgrade that was granted, 502 if the target did not answer. */
  readonly status: number;
}

export interface RoundRobinProxy {
  readonly origin: string;
  /** Every answered request, in the order of the answers. */
  readonly passed: readonly Passed[];
  /** From now on, WebSocket upgrades wait until the returned function is called. */
  holdUpgrades(): () => void;
  close(): void;
}

/**
 * A load balancer without any stickiness: each single request goes to another target than the one before. A client
 * that goes takes its requests with it.
 */
export const startRoundRobinProxy = async (targets: readonly URL[]): Promise<RoundRobinProxy> => {
  const sockets = new Set<Socket>();
  const passed: Passed[] = [];
  let turn = 0;
  let upgrades: Promise<void> = Promise.resolve();

  const forward = (incoming: IncomingMessage) => {
    const target = turn++ % targets.length;
    const { method = "GET", url = "/", headers } = incoming;
    const outgoing = request(new URL(url, targets[target]), { method, headers, agent: false });
    const answered = (status = 502) => void passed.push({ method, url, target, status });
    outgoing.on("error", () => {
      if (!incoming.socket.destroyed) answered();
      incoming.socket.destroy();
    });
    return { outgoing, answered };
  };

  const server = createServer((incoming, response) => {
    const { outgoing, answered } = forward(incoming);
    outgoing.on("response", (answer) => {
      answered(answer.statusCode);
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  server.on("upgrade", async (incoming, client: Socket, head) => {
    client.on("error", () => undefined);
    await upgrades;
    const { outgoing, answered } = forward(incoming);
    outgoing.on("upgrade", (answer, upstream, first) => {
      answered(answer.statusCode);
      upstream.on("error", () => client.destroy());
      client.on("close", () => upstream.destroy());
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${headerLines(answer.rawHeaders)}\r\n\r\n`);
      client.write(first);
      upstream.write(head);
      client.pipe(upstream).pipe(client);
    });
    outgoing.on("response", (answer) => {
      answered(answer.statusCode);
      client.end(`HTTP/1.1 ${answer.statusCode} Refused\r\nconnection: close\r\n\r\n`);
    });
    outgoing.end();
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    holdUpgrades: () => {
      const held = Promise.withResolvers<void>();
      upgrades = held.promise;
      return held.resolve;
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
};

const headerLines = (raw: readonly string[]): string =>
  Array.from({ length: raw.length / 2 }, (_, index) => `${raw[2 * index]}: ${raw[2 * index + 1]}`).join(
    "\r\n",
  );
