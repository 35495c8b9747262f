import * as z from "zod";
import { isRequestName } from "./backends/backend.ts";
import { isApplicationId } from "./events/applications.ts";
import type { GatewayCounts } from "./gateway/names.ts";

/**
 * What the platform hands the Worker: bindings as objects, variables and secrets as strings. Two bindings may
 * be left out: without API_KEYS no API key is accepted, without INGEST_RATE_LIMIT publishing is not limited. One may be
 * added: BACKEND, a service binding to the Worker that answers requests, instead of BACKEND_URL.
 */
export type Env = Omit<Cloudflare.Env, "API_KEYS" | "INGEST_RATE_LIMIT"> &
  Partial<Pick<Cloudflare.Env, "API_KEYS" | "INGEST_RATE_LIMIT">> & { readonly BACKEND?: Fetcher };

/** Empty counts as unset: a dashboard cannot tell the two apart. */
const integer = (fallback: number, min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === "string" && value.trim() === "" ? undefined : value),
    z.coerce.number().int().min(min).max(max).default(fallback),
  );

const list = z
  .string()
  .default("")
  .transform((text) => text.split(/[\s,]+/).filter((item) => item !== ""));

const text = z
  .string()
  .default("")
  .transform((value): string | undefined => value.trim() || undefined);

const httpUrl = text.refine(
  (url) => url === undefined || (/^https?:\/\//.test(url) && URL.canParse(url)),
  "not an http or https URL",
);

const DEFAULT_GATEWAYS = 4;
const MAX_GATEWAYS = 1_000;

/** Gateways of a location: `4`, or `4 FRA=56 IAD=40`, where some have a number of their own. */
const gatewayCounts = z
  // A number is one in TOML, too.
  .preprocess((value) => (typeof value === "number" ? String(value) : value), list)
  .transform((items, context): GatewayCounts => {
    const byColo = new Map<string, number>();
    let others: number | undefined;
    for (const item of items) {
      const [, colo, digits] = /^(?:([A-Z]{3})=)?(\d{1,4})$/.exec(item) ?? [];
      const count = Number(digits);
      const again = colo === undefined ? others !== undefined : byColo.has(colo);
      if (again || !(count >= 1 && count <= MAX_GATEWAYS)) {
        context.addIssue("not a number from 1 to 1000, and numbers of locations: <location>=<number>");
      }
      if (colo === undefined) others = count;
      else byColo.set(colo, count);
    }
    return { byColo, others: others ?? DEFAULT_GATEWAYS };
  });

/** What the embedded backend charges where CREDIT_COSTS is not set. */
const DEFAULT_COSTS = "query=1 address_analysis=10 address_transactions=1 cross_border_flows=5 chat=2";

/** Credits by event: `query=1 chat=2`. `none` charges for nothing. */
const creditCosts = text.transform((value, context): ReadonlyMap<string, number> => {
  const costs = new Map<string, number>();
  if (value === "none") return costs;
  for (const item of (value ?? DEFAULT_COSTS).split(/[\s,]+/)) {
    const [, event = "", cost = ""] = /^([a-z_]+)=(\d{1,9})$/.exec(item) ?? [];
    if (!isRequestName(event)) context.addIssue("not a list of <request event>=<credits>");
    costs.set(event, Number(cost));
  }
  return costs;
});

/** JWS algorithms that verify with a public key: with `HS256` that key would be the secret. */
const ASYMMETRIC = /^(?:[RPE]S(?:256|384|512)|EdDSA|Ed25519)$/;

/** Variables of the Worker. The README's configuration table describes each; keep the two together. */
const variables = z
  .object({
    PING_INTERVAL: integer(25_000, 50, 300_000),
    PING_TIMEOUT: integer(20_000, 50, 300_000),
    CONNECT_TIMEOUT: integer(5_000, 50, 300_000),
    UPGRADE_TIMEOUT: integer(10_000, 50, 300_000),
    MAX_PAYLOAD: integer(1_000_000, 1_000, 30_000_000),
    MAX_SESSIONS_PER_GATEWAY: integer(10_000, 1, 32_000),
    GATEWAYS_PER_COLO: gatewayCounts,
    MAX_ROOMS_PER_SOCKET: integer(100, 1, 100),
    MAX_EVENTS_PER_SECOND: integer(100, 1, 100_000),
    PRESENCE_LIMIT: integer(500, 0, 100_000),
    FANOUT_WIDTH: integer(256, 1, 1_000),
    MARKET_COALESCE_MS: integer(0, 0, 10_000),
    RECOVERY_WINDOW_S: integer(3_600, 1, 604_800),
    RECOVERY_MAX_EVENTS: integer(1_000, 1, 100_000),
    BARS_RETENTION_S: integer(604_800, 1, 315_360_000),
    ALLOWED_ORIGINS: list,
    JWT_ISSUER: text,
    JWT_JWKS_URL: httpUrl,
    JWT_JWKS: text,
    JWT_PUBLIC_KEY: text,
    JWT_AUDIENCE: list,
    JWT_AUTHORIZED_PARTIES: list,
    JWT_ALGORITHMS: list
      .transform((names) => (names.length === 0 ? ["RS256", "ES256"] : names))
      .refine(
        (names) => names.every((name) => ASYMMETRIC.test(name)),
        "not an asymmetric signature algorithm",
      ),
    INGEST_TOKENS: list,
    INGEST_MAX_BYTES: integer(1_000_000, 1_000, 30_000_000),
    INGEST_MAX_EVENTS: integer(1_000, 1, 100_000),
    MAX_REQUESTS_PER_SOCKET: integer(10, 1, 1_000),
    MAX_REQUESTS_PER_USER: integer(50, 1, 10_000),
    REQUEST_TIMEOUT: integer(300_000, 50, 900_000),
    STREAM_WINDOW: integer(131_072, 1_000, 100_000_000),
    BACKEND_URL: httpUrl.refine(
      (url) => url === undefined || !/^https?:\/\/[^/?#]*@/.test(url),
      "holds a user name or a password, which cannot be sent: set BACKEND_TOKEN",
    ),
    BACKEND_TOKEN: text,
    BACKEND_FIRST_BYTE_TIMEOUT: integer(30_000, 50, 300_000),
    BACKEND_IDLE_TIMEOUT: integer(60_000, 50, 300_000),
    APPLICATIONS: list
      .transform((ids) => (ids.length === 0 ? ["demo"] : ids))
      .refine((ids) => ids.every(isApplicationId), "not a list of application ids"),
    CREDIT_COSTS: creditCosts,
    CREDITS_WELCOME: integer(1_000, 0, 1_000_000_000),
    CHAT_URL: httpUrl,
    CHAT_MODEL: text,
    CHAT_KEY: text,
  })
  .refine(({ CHAT_URL, CHAT_MODEL }) => CHAT_URL === undefined || CHAT_MODEL !== undefined, {
    error: "missing, though CHAT_URL is set",
    path: ["CHAT_MODEL"],
  });

export type Config = Readonly<z.infer<typeof variables>>;

const parsed = new WeakMap<object, Config>();

/**
 * The configuration, parsed once per isolate.
 * @throws Error naming the variable, never its value, when one is malformed: nothing runs on a guess.
 */
export const configOf = (env: object): Config => {
  const known = parsed.get(env);
  if (known !== undefined) return known;
  const result = variables.safeParse(env);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
    throw new Error(`Configuration is invalid. ${problems.join("; ")}`);
  }
  parsed.set(env, result.data);
  return result.data;
};
