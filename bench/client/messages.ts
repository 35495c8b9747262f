/** What the parent and the load client say to each other over IPC. */
import type { LatencySummary } from "../lib/latencies.ts";
import type { EventClass } from "../lib/stamped.ts";

/** How a socket gets from TCP to receiving events. */
export type ConnectPlan =
  /** Receives as soon as the WebSocket is open. */
  | { readonly protocol: "plain"; readonly path: string }
  /** Socket `n` CONNECTs with `tokens[n % tokens.length]`, and subscribes to all of `rooms[n % rooms.length]`. */
  | {
      readonly protocol: "socket.io";
      readonly path: string;
      readonly tokens: readonly string[];
      readonly rooms: readonly (readonly string[])[];
    };

export type Command =
  | {
      readonly do: "connect";
      readonly url: string;
      readonly plan: ConnectPlan;
      readonly sockets: number;
      readonly offerDeflate: boolean;
    }
  /** Counts the events numbered from `base` on, each `ordered` of them in order. */
  | {
      readonly do: "expect";
      readonly base: number;
      readonly events: number;
      readonly ordered: number;
    }
  /** Ends that when all is there or time is up. */
  | { readonly do: "deliver"; readonly timeoutMs: number }
  /** Measures the age of stamped events from now on and, if told to, every `sampleMs` that of what the sockets know. */
  | { readonly do: "watch"; readonly sampleMs?: number }
  /** Ends that when all is there or time is up. */
  | ({ readonly do: "settle"; readonly timeoutMs: number } & Expected);

/** What the sockets must have got in the end. */
export interface Expected {
  /** The newest stamp of the market of socket `n`: `newest[n % newest.length]`. */
  readonly newest: readonly number[];
  /** Personal events, summed over the sockets. */
  readonly personal: number;
}

export interface Delivery {
  /** Times of the first and the last event of all sockets, see `monotonicMs`; absent if there was none. */
  readonly firstAt?: number;
  readonly lastAt?: number;
  readonly delivered: number;
  /** Events that a socket never got, got again, or got after a later one; summed over the sockets. */
  readonly lost: number;
  readonly doubled: number;
  readonly reordered: number;
  /** CPU time the client itself used, in ms: near the elapsed time, it is the bottleneck. */
  readonly clientCpuMs: number;
}

/** Of a class of events: how old each was when it came, in ms, and whether they came in order and once. */
export interface ClassOutcome extends LatencySummary {
  /** Came more than a second after they were due. */
  readonly late: number;
  readonly doubled: number;
  readonly reordered: number;
}

/** How long ago the newest state that each socket has was due, in ms; half of them, and all but one in a hundred, less. */
export interface Staleness {
  /** When this was so, see `monotonicMs`. */
  readonly at: number;
  readonly p50: number;
  readonly p99: number;
}

export interface Watched {
  readonly classes: Readonly<Record<EventClass, ClassOutcome>>;
  /** When the last market event came; absent if there was none. */
  readonly lastAt?: number;
  /** Sockets that never got the newest state of their market. */
  readonly behind: number;
  readonly staleness: readonly Staleness[];
  /** CPU time the client itself used, in ms, and how long it watched. */
  readonly clientCpuMs: number;
  readonly elapsedMs: number;
}

export type Answer<C extends Command = Command> = C extends { readonly do: "deliver" }
  ? Delivery
  : C extends { readonly do: "settle" }
    ? Watched
    : null;
