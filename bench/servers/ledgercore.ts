import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { build, SERVICE } from "../../scripts/lib/local-server.ts";
import { ROOT } from "../../scripts/lib/wrangler.ts";
import { type Compatibility, compatibility } from "../lib/compatibility.ts";
import { EVENT, ROOM } from "../lib/events.ts";
import { postJson, type TargetKind } from "./target.ts";
import { startWorkerd } from "./workerd.ts";

const ISSUER = "urn:ledgercore-realtime:bench";
const ALGORITHM = "ES256";
const USERS = 10;
const READY_TIMEOUT_MS = 10_000;

let built: Promise<string> | undefined;

/** Built and read once a run: what is measured must not change under it. */
const builtScript = (): Promise<string> => {
  built ??= build(SERVICE).then(() => readFile(path.join(ROOT, "dist/index.js"), "utf8"));
  return built;
};

/** A key set of this run only, and tokens for a few users signed with it. */
const createCredentials = async (): Promise<{ jwks: string; tokens: string[] }> => {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM);
  const jwk = { ...(await exportJWK(publicKey)), alg: ALGORITHM, kid: "bench", use: "sig" };
  const tokens = Array.from({ length: USERS }, (_, user) =>
    new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, kid: "bench" })
      .setIssuer(ISSUER)
      .setSubject(`bench-${user}`)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(privateKey),
  );
  return { jwks: JSON.stringify({ keys: [jwk] }), tokens: await Promise.all(tokens) };
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

/** The service, as it would be deployed, on one gateway. */
export const ledgercore: TargetKind = {
  name: "LedgerCore",
  prepare: async () => {
    await builtScript();
  },
  start: async ({ sockets, compression = false, vars }) => {
    const { jwks, tokens } = await createCredentials();
    const ingestToken = randomBytes(24).toString("base64url");
    const workerd = await startWorkerd({
      script: await builtScript(),
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
    const authorization = { authorization: `Bearer ${ingestToken}` };
    const ingest = new URL("/api/events", workerd.url);
    return {
      url: workerd.url,
      pids: [workerd.pid],
      plan: { protocol: "socket.io", path: "/socket.io/?EIO=4&transport=websocket", tokens, room: ROOM },
      publish: async (events) => {
        const items = events.map((data) => ({ event: EVENT, data }));
        const answer = await postJson(ingest, items, authorization);
        const { accepted } = JSON.parse(answer) as { accepted: number };
        if (accepted !== events.length) throw new Error(`Events were rejected: ${answer}`);
      },
      post: async (path, body) => {
        await postJson(new URL(path, workerd.url), body, authorization);
      },
      stop: workerd.stop,
    };
  },
};
