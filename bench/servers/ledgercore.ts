import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build, SERVICE } from "../../scripts/lib/local-server.ts";
import { ROOT } from "../../scripts/lib/wrangler.ts";
import { type Compatibility, compatibility } from "../lib/compatibility.ts";
import { createCredentials, ISSUER } from "../lib/credentials.ts";
import { ROOM } from "../lib/events.ts";
import {
  DEFAULT_USERS,
  type Publication,
  postJson,
  type Target,
  type TargetKind,
  type TargetOptions,
} from "./target.ts";
import { startWorkerd } from "./workerd.ts";

const READY_TIMEOUT_MS = 10_000;
const PERSONAL = "user:";

let built: Promise<string> | undefined;

/** Built and read once a run: what is measured must not change under it. */
const builtScript = (): Promise<string> => {
  built ??= build(SERVICE).then(() => readFile(path.join(ROOT, "dist/index.js"), "utf8"));
  return built;
};

const untilHealthy = async (url: URL): Promise<void> => {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const response = await fetch(new URL("/health", url)).catch(() => undefined);
    const text = await response?.text();
    if (response?.ok) return;
    if (Date.now() > deadline) throw new Error(`The service is not healthy: ${response?.status} ${text}`);
    await sleep(50);
  }
};

const withCompression = ({ compatibilityDate, compatibilityFlags }: Compatibility): Compatibility => ({
  compatibilityDate,
  compatibilityFlags: compatibilityFlags.filter((flag) => flag !== "no_web_socket_compression"),
});

/** As an item of an ingest request. */
const itemOf = ({ id, room, event, data }: Publication) => ({
  ...(id !== undefined && { id }),
  event,
  ...(room.startsWith(PERSONAL) ? { userId: room.slice(PERSONAL.length) } : { room }),
  data,
});

/** The service, and what only it has. */
export interface LedgerCoreTarget extends Target {
  /** Puts something to the service's API, as its operators do, and returns the answer's body. */
  post(path: string, body: unknown): Promise<string>;
  /** Asks the service's API. */
  get(path: string): Promise<unknown>;
}

export interface LedgerCoreKind extends TargetKind {
  start(options: TargetOptions): Promise<LedgerCoreTarget>;
}

/** The service, as it would be deployed, on one gateway. */
export const ledgercore: LedgerCoreKind = {
  name: "LedgerCore",
  prepare: async () => {
    await builtScript();
  },
  start: async (options) => {
    const { sockets, users = DEFAULT_USERS, rooms = [[ROOM]], compression = false, vars } = options;
    const { jwks, tokens } = await createCredentials(users);
    const ingestToken = randomBytes(24).toString("base64url");
    const workerd = await startWorkerd({
      script: await builtScript(),
      inMemory: options.storesInMemory === true,
      inspectorPort: options.inspectorPort,
      ...(compression ? withCompression(await compatibility()) : await compatibility()),
      vars: {
        ALLOWED_ORIGINS: "*",
        INGEST_TOKENS: ingestToken,
        JWT_ISSUER: ISSUER,
        JWT_JWKS: jwks,
        // All sockets in one object, as in the floor.
        GATEWAYS_PER_COLO: "1",
        MAX_SESSIONS_PER_GATEWAY: String(sockets),
        ...vars,
      },
      namespaces: {
        GATEWAYS: "Gateway",
        ROOMS: "Room",
        DATASETS: "Dataset",
        LEDGERS: "Ledger",
        CONVERSATIONS: "Conversation",
      },
    });
    try {
      await untilHealthy(workerd.url);
    } catch (error) {
      await workerd.stop();
      throw error;
    }
    const headers = { authorization: `Bearer ${ingestToken}` };
    const ingest = new URL("/api/events", workerd.url);
    return {
      url: workerd.url,
      pids: [workerd.pid],
      plan: { protocol: "socket.io", path: "/socket.io/?EIO=4&transport=websocket", tokens, rooms },
      publish: async (publications) => {
        const answer = await postJson(ingest, publications.map(itemOf), headers);
        const { accepted } = JSON.parse(answer) as { accepted: number };
        if (accepted !== publications.length) throw new Error(`Events were rejected: ${answer}`);
      },
      post: (path, body) => postJson(new URL(path, workerd.url), body, headers),
      get: async (path) => {
        const response = await fetch(new URL(path, workerd.url), { headers });
        if (!response.ok) throw new Error(`${path} answered ${response.status}.`);
        return response.json();
      },
      stop: workerd.stop,
    };
  },
};

/** The same, storing in memory: nothing waits for a disk. */
export const ledgercoreInMemory: LedgerCoreKind = {
  ...ledgercore,
  name: "LedgerCore, storing in memory",
  start: (options) => ledgercore.start({ ...options, storesInMemory: true }),
};
