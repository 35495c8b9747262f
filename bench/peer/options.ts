import type { Publication } from "../servers/target.ts";

/** What the peer's process is told, as JSON in its first argument. */
export interface PeerOptions {
  readonly redisUrl: string;
  readonly adapter: "pub/sub" | "streams";
  /** Public keys that tokens are checked with, JSON. */
  readonly jwks: string;
  readonly issuer: string;
  readonly compression: boolean;
}

/** What it says when it listens. */
export interface PeerReady {
  readonly port: number;
}

/** Has it emit events to rooms, in order. */
export interface PeerPublish {
  readonly publish: readonly Publication[];
}

/** What it says when it has. */
export interface PeerPublished {
  readonly published: number;
}
