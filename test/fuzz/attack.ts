import type { HttpClient } from "./http-client.ts";
import type { Random } from "./mutate.ts";

/** What the attackers share. */
export interface Attack {
  /** `ws://…` of the service. */
  readonly url: string;
  readonly http: HttpClient;
  /** Valid tokens of the attackers. */
  readonly tokens: readonly [string, ...string[]];
  readonly tally: Tally;
}

/** One hostile session from its opening to its end. Rejects when the service misbehaves. */
export type Campaign = (attack: Attack, random: Random) => Promise<void>;

/** Counts what was sent. */
export class Tally {
  /** Mutated packets in frames of WebSockets. */
  frames = 0;
  /** Mutated packets in bodies of POSTs. */
  posted = 0;
  /** Other abused requests. */
  requests = 0;
  sessions = 0;
  /** Sessions that the service closed for what they sent. */
  punished = 0;

  get packets(): number {
    return this.frames + this.posted;
  }
}

/** What no attacker may ever read: the neighbours' events. */
const FORBIDDEN = ['"NEIGHBOUR-USD"', '"neighbour"', '"reason":"test"'] as const;

export const assertOwn = (text: string): void => {
  for (const mark of FORBIDDEN) {
    if (text.includes(mark)) throw new Error(`An attacker got ${text.slice(0, 300)}`);
  }
};

export const engineQuery = (transport: string, extra = ""): string => `?EIO=4&transport=${transport}${extra}`;

export const PATHS = ["/socket.io/", "/socket.io", "/ws/", "/ws"] as const;
