import type { EngineServer } from "../engineio/server.ts";
import type { Session } from "../engineio/session.ts";
import type { Transport } from "../engineio/transport.ts";
import type { Upgrade } from "../engineio/upgrade.ts";
import type { After } from "../lib/after.ts";

/** WebSockets that polling sessions are trying. */
export class Upgrades {
  readonly #engine: EngineServer;
  readonly #after: After;
  readonly #attempts = new Map<WebSocket, Upgrade>();

  constructor(engine: EngineServer, after: After) {
    this.#engine = engine;
    this.#after = after;
  }

  /** Returns false when the session cannot be upgraded (now). */
  begin(session: Session, webSocket: WebSocket, transport: Transport): boolean {
    const cancelTimeout = this.#after(this.#engine.config.upgradeTimeout, () => upgrade?.fail());
    const upgrade = this.#engine.upgrade(session, transport, () => {
      cancelTimeout();
      this.#attempts.delete(webSocket);
    });
    if (upgrade === undefined) {
      cancelTimeout();
      return false;
    }
    this.#attempts.set(webSocket, upgrade);
    return true;
  }

  /** Handles a frame; returns the session once it has moved to this WebSocket. */
  receive(webSocket: WebSocket, frame: string | Uint8Array): Session | undefined {
    const upgrade = this.#attempts.get(webSocket);
    upgrade?.receive(frame);
    return upgrade?.status === "completed" ? upgrade.session : undefined;
  }

  /** The WebSocket has gone; polling goes on. */
  closed(webSocket: WebSocket): void {
    this.#attempts.get(webSocket)?.fail();
  }
}
