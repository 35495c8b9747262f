import { PACKET_CODES } from "./packet.ts";
import { encodePayload } from "./payload.ts";
import type { CloseReason, OutgoingPacket, Transport } from "./transport.ts";

/**
 * - `open`: GETs wait for packets, POSTs bring them
 * - `closing`: ended by the server; a GET gets what is left, the one after it CLOSE
 * - `closed`: no request has anything to get here
 */
export type PollingStatus = "open" | "closing" | "closed";

/** Told what becomes of a polling transport. */
export interface PollingOwner {
  /** The client does not fetch what waits for it, and too much does. */
  overflowed(): void;
  /** The transport is `closing`. */
  closing(): void;
  /** The transport is `closed`. Called once. */
  closed(): void;
}

/**
 * What may wait for a client's next GET before the session is given up, in characters and bytes. A socket that comes to
 * 100 markets at once is sent the state of each.
 */
export const MAX_QUEUED = 8_000_000;

/** What a packet costs besides its text. */
const PACKET_COST = 16;

/** What all polling sessions of an object hold in memory together, in characters and bytes. */
export class Budget {
  readonly #limit: number;
  readonly #exceeded: () => void;
  #held = 0;

  /** `exceeded` is called whenever something is held beyond the limit. */
  constructor(limit: number, exceeded: () => void) {
    this.#limit = limit;
    this.#exceeded = exceeded;
  }

  /** Whether so much more may be held. */
  hasRoomFor(size: number): boolean {
    return this.#held + size <= this.#limit;
  }

  hold(size: number): void {
    this.#held += size;
    if (!this.hasRoomFor(0)) this.#exceeded();
  }

  release(size: number): void {
    this.#held -= size;
  }
}

/**
 * A session whose packets wait for HTTP requests: one GET at a time takes them, one POST at a time brings the
 * client's (protocol v4, "HTTP long-polling"). Knows no HTTP; state is the memory's, so whoever owns the transport
 * keeps the object in memory.
 */
export class PollingTransport implements Transport {
  readonly name = "polling";
  readonly #owner: PollingOwner;
  readonly #budget: Budget;
  #status: PollingStatus = "open";
  #queue: OutgoingPacket[] = [];
  #queued = 0;
  #flushing = false;
  #overflowed = false;
  /** Answers the GET that waits. */
  #answer: ((payload: string) => void) | undefined;
  /** Stops reading the POST that is under way. */
  #cancelPost: (() => void) | undefined;
  /** What of its body is in memory. */
  #body = 0;

  constructor(owner: PollingOwner, budget: Budget) {
    this.#owner = owner;
    this.#budget = budget;
  }

  get status(): PollingStatus {
    return this.#status;
  }

  /** What the session holds of the budget. */
  get held(): number {
    return this.#queued + this.#body;
  }

  /** Queues a packet. All that one turn sends goes into one payload, unless it is too much to gather. */
  send(packet: OutgoingPacket): void {
    if (this.#status !== "open" || this.#overflowed) return;
    this.#enqueue(packet);
    if (this.#queued > MAX_QUEUED) {
      if (this.#answer !== undefined) this.#flush();
      else this.#overflow();
      return;
    }
    if (this.#answer === undefined || this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** A GET: its payload, as soon as there is one; `undefined` when another waits already, or none will ever come. */
  poll(): Promise<string> | undefined {
    if (this.#answer !== undefined || this.#status === "closed") return undefined;
    return new Promise((resolve) => {
      this.#answer = resolve;
      if (this.#status === "closing" && this.#queue.length === 0) this.#end(PACKET_CODES.close);
      else this.#flush();
    });
  }

  /** Answers the GET that waits, if one does: with NOOP if there is nothing else. */
  release(): void {
    this.#release(PACKET_CODES.noop);
  }

  /** A POST begins; `cancel` stops it. Returns false when another is under way. */
  beginPost(cancel: () => void): boolean {
    if (this.#cancelPost !== undefined) return false;
    this.#cancelPost = cancel;
    return true;
  }

  /** The body of the POST takes so many bytes more. */
  bodyGrew(bytes: number): void {
    this.#body += bytes;
    this.#budget.hold(bytes);
  }

  endPost(): void {
    this.#cancelPost = undefined;
    this.#releaseBody();
  }

  /** Ends without closing the session, and returns what the next transport is to send first. */
  handOver(): OutgoingPacket[] {
    const rest = this.#takeQueue();
    if (this.#status === "closing") rest.push(PACKET_CODES.close);
    this.#end(PACKET_CODES.noop);
    return rest;
  }

  /**
   * The GET that waits, or else the next one, gets what is left, and the one after it CLOSE. Never both in one
   * payload: a stock client acts on CLOSE before its application has had the events, and would get them again
   * with recovery (USER-2). The reference server waits likewise.
   */
  close(): void {
    if (this.#status !== "open") return;
    if (this.#answer !== undefined && this.#queue.length === 0) {
      this.#end(PACKET_CODES.close);
      return;
    }
    this.#flush();
    this.#status = "closing";
    this.#stopPost();
    this.#owner.closing();
  }

  /**
   * A GET that waits gets what this turn has sent, or else CLOSE; NOOP when the client itself has ended the
   * session, as by the reference server.
   */
  abort(reason: CloseReason): void {
    if (this.#status !== "open") return;
    this.#end(reason === "transport close" ? PACKET_CODES.noop : PACKET_CODES.close);
  }

  /** Nobody has come for what a closing transport kept. */
  expire(): void {
    if (this.#status === "closing") this.#end(PACKET_CODES.close);
  }

  /** State lives and dies with the memory that holds the GET. */
  save(): void {}

  /** Every pong comes in a POST, through the session. */
  lastPongAt(): undefined {}

  /** Gives a GET that waits what is queued, or else `last`, and everything else an end. */
  #end(last: string): void {
    if (this.#status === "closed") return;
    this.#status = "closed";
    this.#stopPost();
    this.#release(last);
    this.#takeQueue();
    this.#owner.closed();
  }

  #stopPost(): void {
    this.#cancelPost?.();
    this.#releaseBody();
  }

  #releaseBody(): void {
    this.#budget.release(this.#body);
    this.#body = 0;
  }

  #enqueue(packet: OutgoingPacket): void {
    const cost = packet.length + PACKET_COST;
    this.#queue.push(packet);
    this.#queued += cost;
    this.#budget.hold(cost);
  }

  #takeQueue(): OutgoingPacket[] {
    const queue = this.#queue;
    this.#budget.release(this.#queued);
    this.#queue = [];
    this.#queued = 0;
    return queue;
  }

  /** Told after this turn: whoever is sending must not find the session closed under its hands. */
  #overflow(): void {
    this.#overflowed = true;
    queueMicrotask(() => {
      if (this.#status === "open") this.#owner.overflowed();
    });
  }

  /** Answers the GET that waits, if one does: with `packet` if there is nothing else. */
  #release(packet: string): void {
    if (this.#answer === undefined) return;
    if (this.#queue.length === 0) this.#enqueue(packet);
    this.#flush();
  }

  #flush(): void {
    const answer = this.#answer;
    if (answer === undefined || this.#queue.length === 0) return;
    const payload = encodePayload(this.#takeQueue());
    this.#answer = undefined;
    answer(payload);
  }
}
