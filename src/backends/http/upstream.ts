import type { BackendRequest } from "../backend.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What answers requests over HTTP. */
export interface Upstream {
  /**
   * Puts a request to it, once. Resolves when status and headers have come, and rejects when they do not; the body is
   * still to be read. When `signal` aborts, the connection is closed.
   */
  ask(request: BackendRequest, signal: AbortSignal): Promise<Response>;
}

export interface UpstreamConfig {
  readonly BACKEND_URL: string | undefined;
  readonly BACKEND_TOKEN: string | undefined;
}

/** A service binding is called by URL all the same; the host means nothing. */
const BINDING_URL = "http://backend/";

/** The upstream that is configured, if any: a service binding, else a URL. */
export const upstreamOf = (
  { BACKEND_URL, BACKEND_TOKEN }: UpstreamConfig,
  binding: { readonly fetch: Fetch } | undefined,
  fetch: Fetch,
): Upstream | undefined => {
  if (binding !== undefined) {
    return upstream(BINDING_URL, BACKEND_TOKEN, (url, init) => binding.fetch(url, init));
  }
  return BACKEND_URL === undefined ? undefined : upstream(BACKEND_URL, BACKEND_TOKEN, fetch);
};

const upstream = (base: string, token: string | undefined, fetch: Fetch): Upstream => ({
  ask: ({ id, event, payload, userId, socketId, applicationId, applications }, signal) =>
    fetch(endpointOf(base, event), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "text/event-stream",
        "idempotency-key": id,
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ requestId: id, userId, socketId, applicationId, applications, payload }),
      // The token must not travel to wherever a redirect points.
      redirect: "manual",
      signal,
    }),
});

/** Where requests of an event go, below the base URL, which may have a path and a query of its own. */
const endpointOf = (base: string, event: string): string => {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/realtime/${event}`;
  url.hash = "";
  return url.href;
};
