import type { ConnectPlan } from "../client/messages.ts";
import type { MarketEvent } from "../lib/events.ts";

/** A server under load. To add one: start it, say how its clients connect, and publish to it. */
export interface Target {
  readonly url: URL;
  /** The server's processes, whose CPU time counts as its own. */
  readonly pids: readonly number[];
  /** How the load client's sockets connect and subscribe. */
  readonly plan: ConnectPlan;
  /** Publishes in one request; resolves when the server has taken the events. */
  publish(events: readonly MarketEvent[]): Promise<void>;
  /** Puts something to the server's API, as its operators do. */
  post?(path: string, body: unknown): Promise<void>;
  stop(): Promise<void>;
}

export interface TargetOptions {
  /** Sockets it must be ready to hold. */
  readonly sockets: number;
  /** Whether clients may have permessage-deflate, which the service is deployed without. */
  readonly compression?: boolean;
  /** Variables of the service, over those of every run. */
  readonly vars?: Readonly<Record<string, string>>;
}

export interface TargetKind {
  readonly name: string;
  /** Work done once, before the first start. */
  prepare?(): Promise<void>;
  /** Starts a fresh server that knows nothing of earlier ones. */
  start(options: TargetOptions): Promise<Target>;
}

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
