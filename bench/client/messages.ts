/** What the parent and the load client say to each other over IPC. */

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
  /** Awaits the events numbered from `base` on, each `ordered` of them in order. */
  | {
      readonly do: "expect";
      readonly base: number;
      readonly events: number;
      readonly ordered: number;
      readonly timeoutMs: number;
    };

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

export type Answer =
  | { readonly is: "connected" }
  | { readonly is: "expecting" }
  | { readonly is: "delivered"; readonly delivery: Delivery }
  | { readonly is: "failed"; readonly message: string };
