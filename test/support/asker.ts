import type { WorkerOptions } from "miniflare";
import { type LocalServer, SERVICE, startServer } from "../../scripts/lib/local-server.ts";
import type { BackendRequest } from "../../src/backends/backend.ts";
import { type Answer, decodeAnswer } from "../../src/backends/wire.ts";
import { JWT_VARS } from "./keys.ts";
import { INGEST_TOKEN } from "./service.ts";

/** Stands where a gateway stands: before the service's entrypoint for requests. */
const ASKER: WorkerOptions = {
  name: "asker",
  modules: true,
  compatibilityDate: "2026-08-06",
  compatibilityFlags: ["enable_request_signal"],
  serviceBindings: { REQUESTS: { name: "ledgercore-realtime", entrypoint: "RequestRunner" } },
  unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
  script: `
    export default {
      fetch: ({ body, signal }, { REQUESTS }) => REQUESTS.fetch("http://requests/", { method: "POST", body, signal }),
    };`,
};

/** The service, and a way to have requests answered without a client. */
export interface AskedService {
  readonly server: LocalServer;
  readonly logs: readonly string[];
  readonly run: (request: BackendRequest, signal: AbortSignal) => Promise<Answer>;
}

export const startAskedService = async (vars: Readonly<Record<string, string>>): Promise<AskedService> => {
  const logs: string[] = [];
  const server = await startServer({
    project: SERVICE,
    host: "127.0.0.1",
    port: 0,
    vars: { ...JWT_VARS, INGEST_TOKENS: INGEST_TOKEN, ...vars },
    others: [ASKER],
    onLog: (line) => logs.push(line),
  });
  const url = await server.miniflare.unsafeGetDirectURL("asker");
  const run = async (request: BackendRequest, signal: AbortSignal): Promise<Answer> =>
    decodeAnswer(await fetch(url, { method: "POST", body: JSON.stringify(request), signal }));
  return { server, logs, run };
};
