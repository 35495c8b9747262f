import type { SocketApplication, SocketEvent } from "../../../src/socketio/server.ts";
import type { Socket } from "../../../src/socketio/socket.ts";

const ACK_TIMEOUT_MS = 500;

/**
 * Does what a client orders, for what a server does of its own accord: `ask` …args asks it `question` …args and
 * says in `answer` how that ended; `leave` ends the socket; `close` ends the session.
 */
export class DriverApplication implements SocketApplication<null> {
  readonly namespaces: ReadonlySet<string> = new Set(["/", "/custom"]);
  readonly #closeSession: (socket: Socket<null>) => void;

  constructor(closeSession: (socket: Socket<null>) => void) {
    this.#closeSession = closeSession;
  }

  async authenticate() {
    return { verdict: "accept", data: null } as const;
  }

  async join() {
    return { connected: () => {} };
  }

  restore(): void {}

  event(socket: Socket<null>, { name, args }: SocketEvent): void {
    if (name === "ask") void this.#ask(socket, args);
    else if (name === "leave") socket.disconnect();
    else if (name === "close") this.#closeSession(socket);
  }

  disconnect(): void {}

  async #ask(socket: Socket<null>, args: readonly unknown[]): Promise<void> {
    const result = await socket.emitWithAck(ACK_TIMEOUT_MS, "question", ...args);
    if (result.ok) socket.emit("answer", ...result.value);
    else socket.emit("no answer", result.error);
  }
}
