/** What the parent and a fleet of clients say to each other over IPC. */

export type FleetCommand =
  /**
   * So many sockets connect, `atOnce` at a time. Socket `n` is of user `n % tokens.length`; without tokens the server is
   * one that speaks no Socket.IO.
   */
  | {
      readonly do: "connect";
      readonly url: string;
      readonly path: string;
      readonly tokens: readonly string[];
      readonly sockets: number;
      readonly atOnce: number;
    }
  /** Every socket is to have had the personal events up to `number`, `timeoutMs` from now at the latest. */
  | { readonly do: "await"; readonly number: number; readonly timeoutMs: number }
  /** All lose their connections. */
  | { readonly do: "drop" }
  /** All come back at once. */
  | { readonly do: "return" };

export interface Connecting {
  /** From the first beginning to connect to the last being connected, ms. */
  readonly elapsedMs: number;
  /** What each took, ms; half of the sockets, and all but one in a hundred, took no longer. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Sockets that got their session back. */
  readonly recovered: number;
  /** CPU time the clients used, in ms: near the elapsed time, they are the bottleneck. */
  readonly clientCpuMs: number;
}

/** What the sockets have had of their personal events, up to the awaited one, in all. */
export interface Received {
  /** Events that never came: skipped, or still missing. */
  readonly lost: number;
  /** Events that came again, or after a later one. */
  readonly repeated: number;
}

export type FleetAnswer<Command extends FleetCommand = FleetCommand> = Command extends {
  readonly do: "connect" | "return";
}
  ? Connecting
  : Command extends { readonly do: "await" }
    ? Received
    : null;
