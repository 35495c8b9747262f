import type { ConnectPlan } from "../client/messages.ts";

/** An event for everyone in a room, `market:<SYMBOL>` or `user:<id>`. */
export interface Publication {
  /** Has a server take it once only, where it can. */
  readonly id?: string;
  readonly room: string;
  readonly event: string;
  readonly data: object;
}

/** A server under load. To add one: start it, say how its clients connect, and publish to it. */
export interface Target {
  readonly url: URL;
  /** The server's processes, whose CPU time and memory count as its own. */
  readonly pids: readonly number[];
  /** How the load client's sockets connect and subscribe. */
  readonly plan: ConnectPlan;
  /** Publishes in order, in one go; resolves when the server has taken all of it. Several may be on their way. */
  publish(publications: readonly Publication[]): Promise<void>;
  stop(): Promise<void>;
}

export interface TargetOptions {
  /** Sockets it must be ready to hold. */
  readonly sockets: number;
  /** Users they belong to: socket `n` is of user `n % users`. 10 unless told. */
  readonly users?: number;
  /** What socket `n` subscribes to: `rooms[n % rooms.length]`. One market for all unless told. */
  readonly rooms?: readonly (readonly string[])[];
  /** Whether clients that ask for permessage-deflate get it. No, unless told. */
  readonly compression?: boolean;
  /** Whether what the service stores is to be kept in memory, as the peer's Redis does here. On disk, unless told. */
  readonly storesInMemory?: boolean;
  /** Where the inspector of the service's process listens; there is none unless told. */
  readonly inspectorPort?: number;
  /** Variables of the service, over those of every run; others ignore them. */
  readonly vars?: Readonly<Record<string, string>>;
}

export interface TargetKind {
  readonly name: string;
  /** Work done once, before the first start. */
  prepare?(): Promise<void>;
  /** Starts a fresh server that knows nothing of earlier ones. */
  start(options: TargetOptions): Promise<Target>;
}

export const DEFAULT_USERS = 10;

/** Posts JSON and insists on success. */
export const postJson = async (url: URL, body: unknown, headers: Record<string, string> = {}) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url.pathname} answered ${response.status}: ${text}`);
  return text;
};
