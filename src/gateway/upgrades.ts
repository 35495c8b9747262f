import type { EngineServer } from "../engineio/server.ts";
import type { Session } from "../engineio/session.ts";
import type { Transport } from "../engineio/transport.ts";
import type { Upgrade } from "../engineio/upgrade.ts";
import type { After } from "../lib/after.ts";

interface Attempt {
  readonly upgrade: Upgrade;
  readonly cancelTimeout: () => void;
}

/** WebSockets that polling sessions are trying. */
export class Upgrades {
  readonly #engine: EngineServer;
  readonly #after: After;
  readonly #attempts = new Map<WebSocket, Attempt>();

  constructor(engine: EngineServer, after: After) {
    this.#engine = engine;
    this.#after = after;
  }

  /** Returns false when the session cannot be upgraded (now). */
  begin(session: Session, webSocket: WebSocket, transport: Transport): boolean {
    const upgrade = this.#engine.upgrade(session, transport);
    if (upgrade === undefined) return false;
    const cancelTimeout = this.#after(this.#engine.config.upgradeTimeout, () => upgrade.fail());
    this.#attempts.set(webSocket, { upgrade, cancelTimeout });
    return true;
  }

  has(webSocket: WebSocket): boolean {
    return this.#attempts.has(webSocket);
  }

  /** Handles a frame; returns the session once it has moved to this WebSocket. */
  receive(webSocket: WebSocket, frame: string | Uint8Array): Session | undefined {
    const attempt = this.#attempts.get(webSocket);
    if (attempt === undefined) return undefined;
    const { upgrade } = attempt;
    upgrade.receive(frame);
    if (upgrade.pending) return undefined;
    this.#forget(webSocket, attempt);
    return upgrade.status === "completed" ? upgrade.session : undefined;
  }

  /** The WebSocket has gone; polling goes on. */
  closed(webSocket: WebSocket): void {
    const attempt = this.#attempts.get(webSocket);
    if (attempt === undefined) return;
    this.#forget(webSocket, attempt);
    attempt.upgrade.fail();
  }

  #forget(webSocket: WebSocket, { cancelTimeout }: Attempt): void {
    cancelTimeout();
    this.#attempts.delete(webSocket);
  }
}
