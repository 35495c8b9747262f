import { PERSONAL_EVENT } from "../lib/personal-events.ts";
import { RawWebSocket } from "./raw-websocket.ts";

export interface FleetSocketOptions {
  readonly url: URL;
  readonly path: string;
  /** Absent for a server that speaks no Socket.IO: there a socket is connected once it is open. */
  readonly token: string | undefined;
  /** Called for each personal event: the numbers of the last one before and now. */
  readonly onEvent: (before: number, last: number) => void;
  /** Called when the connection ends otherwise than by `drop`, or the server refuses. */
  readonly onFailure: (message: string) => void;
}

const PING = "2";
/** What the service answers a pong with; clients ignore it. */
const NOOP = "6";
const EVENT = "42";

/**
 * A Socket.IO client of one user, which can lose its connection and come back as a stock client does: with the `pid` of
 * its session and the offset of the last event that had one. It checks that its personal events, numbered from 1, come
 * exactly once and in order.
 */
export class FleetSocket {
  /** Number of the last personal event. */
  last = 0;
  /** Events that were skipped, and those that came again or late. */
  skipped = 0;
  repeated = 0;
  /** Whether the server has given the present connection the session of the one before. */
  recovered = false;
  readonly #options: FleetSocketOptions;
  #webSocket: RawWebSocket | undefined;
  #pid: string | undefined;
  #offset: string | undefined;
  #connected: () => void = () => {};

  constructor(options: FleetSocketOptions) {
    this.#options = options;
  }

  /** Connects, again if it has before; resolves with the server's `connected`, to ms since the call. */
  async connect(): Promise<number> {
    const { url, path, token, onFailure } = this.#options;
    const startedAt = performance.now();
    const connected = new Promise<void>((resolve) => {
      this.#connected = resolve;
    });
    this.#webSocket = new RawWebSocket({
      url,
      path,
      ...(token === undefined && { onOpen: () => this.#connected() }),
      onText: (buffer, start, end) => this.#packet(buffer.toString("utf8", start, end)),
      onEnd: onFailure,
    });
    await connected;
    return performance.now() - startedAt;
  }

  /** Loses the connection. */
  drop(): void {
    this.#webSocket?.destroy();
  }

  #packet(packet: string): void {
    if (packet === PING) this.#webSocket?.send("3");
    else if (packet.startsWith("0{")) {
      const { token } = this.#options;
      const auth = { token, ...(this.#pid !== undefined && { pid: this.#pid, offset: this.#offset }) };
      this.#webSocket?.send(`40${JSON.stringify(auth)}`);
    } else if (packet.startsWith("40{")) {
      const { pid } = JSON.parse(packet.slice(2)) as { pid?: string };
      this.recovered = pid !== undefined && pid === this.#pid;
      this.#pid = pid;
    } else if (packet.startsWith(EVENT)) this.#event(JSON.parse(packet.slice(EVENT.length)));
    else if (packet !== NOOP) throw new Error(`The server refused: ${packet}`);
  }

  #event([name, data, offset]: [name: string, data: { amount?: number }, offset?: string]): void {
    if (offset !== undefined) this.#offset = offset;
    if (name === "connected") this.#connected();
    if (name !== PERSONAL_EVENT) return;
    const before = this.last;
    const number = data.amount ?? 0;
    if (number <= before) this.repeated++;
    else {
      this.skipped += number - before - 1;
      this.last = number;
    }
    this.#options.onEvent(before, this.last);
  }
}
