import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as z from "zod";
import { ledgerName } from "../backends/embedded/credits/names.ts";
import type { LedgerRpc } from "../backends/embedded/credits/protocol.ts";
import { configOf } from "../env.ts";
import { isApplicationId } from "../events/applications.ts";
import { problemOf } from "../events/envelope.ts";
import { userId } from "../events/fields.ts";
import { sleep } from "../lib/after.ts";
import { parseJson } from "../lib/json.ts";
import { describeError, log } from "../lib/log.ts";
import { ID_LENGTH, randomToken } from "../lib/random.ts";
import { callRetrying } from "../lib/rpc.ts";
import { invalid, reply, unavailable } from "./reply.ts";
import { serviceAuth } from "./service-auth.ts";
import type { HttpEnv } from "./types.ts";
import { decodeUtf8 } from "./utf8-body.ts";

type C = Context<HttpEnv>;

const MAX_BODY_BYTES = 10_000;

/** Small enough that millions of grants stay exact. */
const MAX_GRANT = 1_000_000_000;

const applicationId = z
  .string()
  .refine(isApplicationId, "Expected an application id: 1 to 64 of A-Z a-z 0-9 _ . : -")
  .optional();

// Unknown fields are refused: a misspelt `id` must not make a grant count twice.
const grant = z.strictObject({
  id: z.string().min(1).max(200).optional(),
  userId,
  applicationId,
  amount: z.int().min(1).max(MAX_GRANT),
  reason: z.string().min(1).max(200),
});

const owner = z.strictObject({ userId, applicationId });

/** Credits of the embedded backend: `POST` grants some, `GET` reads a balance. For backends. */
export const credits = new Hono<HttpEnv>();

credits.use(serviceAuth("credits", "Spread your grants over time."));

credits.use(async (c, next) => {
  const upstream = configOf(c.env).BACKEND_URL !== undefined || c.env.BACKEND !== undefined;
  if (!upstream) return next();
  return reply(c, 404, {
    code: "NOT_FOUND",
    message: "Here the upstream that answers requests keeps the credits. Publish what moves at /api/events.",
  });
});

credits.use((c, next) =>
  bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: () => invalid(c, 413, `A grant is at most ${MAX_BODY_BYTES} bytes.`),
  })(c, next),
);

credits.post("/", async (c) => {
  const text = decodeUtf8(await c.req.arrayBuffer());
  const body = text === undefined ? undefined : parseJson(text);
  if (body === undefined) return invalid(c, 400, "The body is not JSON.");
  const parsed = grant.safeParse(body);
  if (!parsed.success) return invalid(c, 400, problemOf("The grant", parsed.error));
  const { id, amount, reason } = parsed.data;
  const transactionId = id ?? randomToken(ID_LENGTH);
  const granted = await ask(c, parsed.data, (ledger) => ledger.grant({ transactionId, amount, reason }));
  if (granted === undefined) {
    const advice =
      id === undefined
        ? "It may have been granted: read the balance first, and give grants an id."
        : "Send the same again: its id makes it count once.";
    return unavailable(c, `The ledger cannot be reached. ${advice}`);
  }
  if (granted.outcome === "conflict") {
    const before = `${granted.amount} credits for ${JSON.stringify(granted.reason)}`;
    return invalid(c, 409, `This id was used for a grant of ${before}. Give another grant another id.`);
  }
  const { outcome, newBalance } = granted;
  return c.json({ transactionId, newBalance }, outcome === "granted" ? 201 : 200, NO_STORE);
});

credits.get("/", async (c) => {
  const parsed = owner.safeParse(c.req.query());
  if (!parsed.success) return invalid(c, 400, problemOf("The query", parsed.error));
  const balance = await ask(c, parsed.data, (ledger) => ledger.balance());
  if (balance === undefined) return unavailable(c, "The ledger cannot be reached. Try again.");
  const owned = { userId: parsed.data.userId, applicationId: applicationOf(c, parsed.data) };
  return c.json({ ...owned, ...balance }, 200, NO_STORE);
});

credits.all("/", (c) => {
  c.header("allow", "GET, POST");
  return invalid(c, 405, "Grant with POST, read a balance with GET.");
});

const NO_STORE = { "cache-control": "no-store" };

const applicationOf = (c: C, { applicationId }: z.infer<typeof owner>): string => {
  const [first = ""] = configOf(c.env).APPLICATIONS;
  return applicationId ?? first;
};

/** Makes an idempotent call of a user's ledger; `undefined` if that cannot be reached. */
const ask = async <T>(
  c: C,
  of: z.infer<typeof owner>,
  run: (ledger: Pick<LedgerRpc, "grant" | "balance">) => Promise<T>,
): Promise<T | undefined> => {
  const name = ledgerName(applicationOf(c, of), of.userId);
  try {
    return await callRetrying(() => run(c.env.LEDGERS.getByName(name)), sleep);
  } catch (error) {
    log("error", "ledger_unreachable", { ledger: name, error: describeError(error) });
    return undefined;
  }
};
