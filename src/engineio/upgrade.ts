import { decodePacket } from "./packet.ts";
import type { PollingTransport } from "./polling.ts";
import type { Session } from "./session.ts";
import type { Transport } from "./transport.ts";

/** Longest text that a probe or UPGRADE may be: nothing else is to come here, so nothing else is decoded. */
const MAX_LENGTH = 64;

/** `opened`: nothing has come on the new transport yet. `probed`: it works, and polling is to pause. */
export type UpgradeStatus = "opened" | "probed" | "completed" | "failed";

/**
 * A session on its way from polling to a WebSocket (protocol v4, "Upgrade"): the client probes the new transport,
 * lets its last GET end, and says UPGRADE. Until then the session stays with polling; a failure changes nothing.
 */
export class Upgrade {
  readonly session: Session;
  readonly #from: PollingTransport;
  readonly #to: Transport;
  readonly #ended: () => void;
  #status: UpgradeStatus = "opened";

  constructor(session: Session, from: PollingTransport, to: Transport, ended: () => void) {
    this.session = session;
    this.#from = from;
    this.#to = to;
    this.#ended = ended;
  }

  get status(): UpgradeStatus {
    return this.#status;
  }

  get pending(): boolean {
    return this.#status === "opened" || this.#status === "probed";
  }

  /** Handles one frame on the new transport. */
  receive(raw: string | Uint8Array): void {
    if (!this.pending) return;
    const decoded = typeof raw === "string" && raw.length <= MAX_LENGTH ? decodePacket(raw) : undefined;
    const packet = decoded?.ok ? decoded.value : undefined;
    if (packet?.type === "ping" && packet.data === "probe") {
      this.#status = "probed";
      this.#to.send("3probe");
      this.#from.release();
    } else if (packet?.type === "upgrade") {
      this.#complete();
    } else {
      this.fail();
    }
  }

  /** The client is to pause polling: answers a GET that waits, if it still should. */
  releasePoll(): void {
    if (this.#status === "probed") this.#from.release();
  }

  /** Gives the new transport up: it misbehaved, took too long, or its session has ended. */
  fail(): void {
    if (!this.pending) return;
    this.#end("failed");
    this.#to.close("transport close");
  }

  /**
   * What polling had not handed out goes first, so that packets stay in order. A session that was closed while its
   * client had paused polling says so here.
   */
  #complete(): void {
    // The one step that may throw: until it is done the session is with polling.
    this.session.moveTo(this.#to);
    this.#end("completed");
    for (const packet of this.#from.handOver()) this.#to.send(packet);
    if (this.session.closed) this.#to.close("forced close");
  }

  #end(status: "completed" | "failed"): void {
    this.#status = status;
    this.session.upgrade = undefined;
    this.#ended();
  }
}
