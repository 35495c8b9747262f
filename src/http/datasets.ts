import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as z from "zod";
import type { DatasetRpc } from "../backends/embedded/dataset/protocol.ts";
import { isTable, TABLES } from "../backends/embedded/dataset/schema.ts";
import { configOf } from "../env.ts";
import { isApplicationId } from "../events/applications.ts";
import { issuesOf } from "../events/envelope.ts";
import { formatOf } from "../ingest/body.ts";
import { sleep } from "../lib/after.ts";
import { parseJson } from "../lib/json.ts";
import { describeError, log } from "../lib/log.ts";
import { callRetrying } from "../lib/rpc.ts";
import { invalid, reply, unavailable } from "./reply.ts";
import { serviceAuth } from "./service-auth.ts";
import type { HttpEnv } from "./types.ts";
import { decodeUtf8 } from "./utf8-body.ts";

/** A dataset works on nothing else while it stores a batch. */
export const MAX_IMPORT_ROWS = 5_000;

const sourceName = z
  .string("Expected a name for the source")
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "Expected 1 to 64 characters of A-Z, a-z, 0-9, _ and -");

const batch = z.strictObject({
  source: sourceName,
  position: z.int("Expected how many rows of the source come before").nonnegative(),
  rows: z.array(z.unknown(), "Expected a list of rows").min(1, "Expected at least one row"),
});

/** Tables of the applications' datasets: filling them, counting their rows, emptying them. */
export const datasets = new Hono<HttpEnv>();

for (const path of ["/:application/import/*", "/:application/tables/*"]) {
  datasets.use(path, serviceAuth("datasets", "Send more rows in one request."));
  datasets.use(path, async (c, next) => {
    if (isApplicationId(c.req.param("application"))) return next();
    return notFound(c, "This is no application id: 1 to 64 characters of A-Z, a-z, 0-9, _ . : and -.");
  });
}

const notFound = (c: Context<HttpEnv>, message: string): Response =>
  reply(c, 404, { code: "NOT_FOUND", message });

const unknownTable = (c: Context<HttpEnv>): Response =>
  notFound(c, `There is no such table. The tables are ${TABLES.join(", ")}.`);

/** What a dataset says; all that is asked of one can be asked again. */
const ask = async <T>(
  c: Context<HttpEnv>,
  call: (dataset: DatasetRpc) => Promise<T>,
  answer: (value: T) => Response,
): Promise<Response> => {
  const name = c.req.param("application") ?? "";
  try {
    return answer(await callRetrying(() => call(c.env.DATASETS.getByName(name)), sleep));
  } catch (error) {
    log("error", "dataset_failed", { path: c.req.path, error: describeError(error) });
    return unavailable(c, "The application's data cannot be reached now. Try again.");
  }
};

const tooLarge = (c: Context<HttpEnv>): Response => {
  const { INGEST_MAX_BYTES } = configOf(c.env);
  const message = `A request holds at most ${INGEST_MAX_BYTES} bytes and ${MAX_IMPORT_ROWS} rows. Split it.`;
  return invalid(c, 413, message);
};

datasets.use("/:application/import/*", (c, next) =>
  bodyLimit({ maxSize: configOf(c.env).INGEST_MAX_BYTES, onError: () => tooLarge(c) })(c, next),
);

datasets.post("/:application/import/:table", async (c) => {
  const table = c.req.param("table");
  if (!isTable(table)) return unknownTable(c);
  const encoding = c.req.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") {
    return invalid(c, 415, "Send the body without content-encoding.");
  }
  if (formatOf(c.req.header("content-type")) !== "json") {
    return invalid(c, 415, "Send content-type application/json.");
  }
  const text = decodeUtf8(await c.req.arrayBuffer());
  if (text === undefined) return invalid(c, 400, "The body is not valid UTF-8.");
  const body = parseJson(text);
  if (body === undefined) return invalid(c, 400, "The body is not valid JSON.");
  const parsed = batch.safeParse(body);
  if (!parsed.success) {
    const [issue] = issuesOf(parsed.error);
    return invalid(c, 400, `The body is not {source, position, rows}. ${issue?.path}: ${issue?.message}`);
  }
  if (parsed.data.rows.length > MAX_IMPORT_ROWS) return tooLarge(c);
  return ask(
    c,
    (dataset) => dataset.importBatch(table, parsed.data),
    (answer) => {
      if (answer.status === "imported") {
        return c.json({ ...answer.progress, rejected: answer.rejected });
      }
      const message = `The batch is out of order. Go on at position ${answer.position} of the source.`;
      return c.json({ code: "VALIDATION_FAILED", message, position: answer.position }, 409);
    },
  );
});

datasets.get("/:application/import/:table", (c) => {
  const table = c.req.param("table");
  if (!isTable(table)) return unknownTable(c);
  const source = sourceName.safeParse(c.req.query("source"));
  if (!source.success) return invalid(c, 400, `source: ${source.error.issues[0]?.message}`);
  return ask(
    c,
    (dataset) => dataset.importProgress(table, source.data),
    (progress) => c.json(progress),
  );
});

datasets.get("/:application/tables", (c) =>
  ask(
    c,
    (dataset) => dataset.tableCounts(),
    (tables) => c.json({ tables }),
  ),
);

datasets.delete("/:application/tables/:table", (c) => {
  const table = c.req.param("table");
  if (!isTable(table)) return unknownTable(c);
  return ask(
    c,
    (dataset) => dataset.emptyTable(table),
    () => c.body(null, 204),
  );
});

for (const [path, methods] of [
  ["/:application/import/:table", "GET, POST"],
  ["/:application/tables", "GET"],
  ["/:application/tables/:table", "DELETE"],
] as const) {
  datasets.all(path, (c) => {
    c.header("allow", methods);
    return invalid(c, 405, `This address takes ${methods}.`);
  });
}
