import type { ConnectRequest, SocketApplication, SocketEvent } from "../../../src/socketio/server.ts";
import type { Socket } from "../../../src/socketio/socket.ts";

/** The CONNECT payload, until it has been said: it may be larger than what can be stored with a session. */
interface Data {
  readonly auth?: Record<string, unknown>;
}

/** Says right after CONNECT what came with it, and in `/` gives events back. */
export class EchoApplication implements SocketApplication<Data> {
  readonly namespaces: ReadonlySet<string> = new Set(["/", "/custom"]);

  async authenticate({ auth = {} }: ConnectRequest) {
    return { verdict: "accept", data: { auth } } as const;
  }

  async join(socket: Socket<Data>) {
    const { auth } = socket.data;
    socket.data = {};
    return { connected: () => socket.emit("auth", auth) };
  }

  restore(): void {}

  event(socket: Socket<Data>, { name, args, ack }: SocketEvent): void {
    if (socket.nsp !== "/") return;
    if (name === "message") socket.emit("message-back", ...args);
    else if (name === "message-with-ack") ack?.(...args);
  }

  disconnect(): void {}
}
