import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { ImportClient, type ImportClientOptions, ImportError } from "../../../scripts/lib/import-client.ts";
import { importRows } from "../../../scripts/lib/import-rows.ts";
import { Importer } from "../../../src/backends/embedded/dataset/importer.ts";
import type { ImportBatch } from "../../../src/backends/embedded/dataset/protocol.ts";
import { SCHEMA } from "../../../src/backends/embedded/dataset/schema.ts";
import { err, ok } from "../../../src/lib/result.ts";
import { TestStorage } from "../../support/sqlite.ts";
import { GOOD } from "../backends/embedded/dataset/rows.ts";

/** What becomes of a request: answered, answered with a status without being looked at, or done without an answer. */
type Fate = "answered" | "unanswered" | number;

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** An importer behind a real HTTP server, which deals with one request after the other as `fates` say. */
const start = async (fates: Fate[], options: Partial<ImportClientOptions> = {}) => {
  const { sql, transactionSync } = new TestStorage();
  for (const statement of SCHEMA) sql.exec(statement);
  const importer = new Importer({ sql, transaction: transactionSync });
  const batches: ImportBatch[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const fate = fates.shift() ?? "answered";
    if (typeof fate === "number") {
      response.writeHead(fate, { "retry-after": "0" }).end('{"code":"INTERNAL","message":"Not now."}');
      return;
    }
    if (request.method === "POST") batches.push(JSON.parse(body));
    const [batch] = batches.slice(-1);
    const answer =
      request.method === "POST" && batch
        ? importer.importBatch("trades", batch)
        : { status: "imported" as const, progress: importer.progress("trades", "s"), rejected: [] };
    if (fate === "unanswered") request.socket.destroy();
    else if (answer.status === "imported") response.end(JSON.stringify({ ...answer.progress, ...answer }));
    else response.writeHead(409).end("{}");
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const pauses: string[] = [];
  const client = new ImportClient({
    url: new URL(`http://127.0.0.1:${port}`),
    application: "demo",
    table: "trades",
    token: "secret-token",
    pauses: [1, 1, 1],
    onPause: (reason) => pauses.push(reason),
    ...options,
  });
  const trades = () => sql.exec("SELECT trade_id FROM trades ORDER BY trade_id").toArray();
  return { client, importer, batches, pauses, trades };
};

async function* numbered(count: number) {
  for (let n = 0; n < count; n++) {
    const row = { ...GOOD.trades.text, trade_id: String(n), price: n === 3 ? "free" : "1" };
    yield { line: n + 2, row: n === 4 ? err("Too short") : ok(row) };
  }
}

const run = (client: ImportClient, bad: string[] = []) =>
  importRows({
    ...{ client, source: "s", rows: numbered(8), batch: 3 },
    onBadRow: (line, reason) => bad.push(`${line} ${reason.split(":")[0]}`),
  });

const DONE = { imported: 6, replaced: 0, unchanged: 0, skipped: 2, alreadyIn: false };
const ALL = ["0", "1", "2", "5", "6", "7"].map((trade_id) => ({ trade_id }));

describe("an import", () => {
  it("sends batches of rows, and reports the bad ones of file and table in the order of their lines", async () => {
    const { client, batches, trades } = await start([]);
    const bad: string[] = [];
    expect(await run(client, bad)).toEqual(DONE);
    expect(bad).toEqual(["5 price", "6 Too short"]);
    expect(batches.map(({ position, rows }) => [position, rows.length])).toEqual([
      [0, 3],
      [3, 3],
      [6, 1],
    ]);
    expect(trades()).toEqual(ALL);
  });

  it.each<[string, Fate[]]>([
    ["answers are lost", ["answered", "unanswered", "answered", "unanswered", "unanswered"]],
    ["the service is away for a while", [503, "answered", 500, "answered", 429]],
  ])("is whole, and reports each bad row once, when %s", async (_, fates) => {
    const { client, pauses, trades } = await start(fates);
    const bad: string[] = [];
    expect(await run(client, bad)).toEqual(DONE);
    expect(bad).toEqual(["5 price", "6 Too short"]);
    expect(trades()).toEqual(ALL);
    expect(pauses).toHaveLength(3);
    expect(pauses.join()).not.toContain("secret-token");
  });

  it("that has failed goes on after what is in, and its counts are those of both runs", async () => {
    const { client, batches, trades } = await start(["answered", "answered", 503, 503, 503, 503]);
    await expect(run(client)).rejects.toThrow("The service refused (503). Not now.");
    const bad: string[] = [];
    expect(await run(client, bad)).toEqual(DONE);
    expect(batches.map(({ position }) => position)).toEqual([0, 3, 6]);
    expect(bad).toEqual(["5 price", "6 Too short"]);
    expect(trades()).toEqual(ALL);
  });

  it("that is over has nothing to send, and reports nothing", async () => {
    const { client, batches } = await start([]);
    await run(client);
    const bad: string[] = [];
    expect(await run(client, bad)).toEqual({ ...DONE, alreadyIn: true });
    expect(bad).toEqual([]);
    expect(batches).toHaveLength(3);
  });

  it("sends smaller batches, now and from then on, when the service takes none so large", async () => {
    const { client, batches, trades } = await start(["answered", 413, "answered", "answered"]);
    const bad: string[] = [];
    expect(await run(client, bad)).toEqual(DONE);
    expect(bad).toEqual(["5 price", "6 Too short"]);
    expect(trades()).toEqual(ALL);
    expect(batches.map(({ position, rows }) => [position, rows.length])).toEqual([
      [0, 2],
      [2, 1],
      ...[3, 4, 5, 6].map((position) => [position, 1]),
    ]);
  });

  it("ends when the service does not even take one row", async () => {
    const { client, trades } = await start(["answered", 413, 413, 413]);
    await expect(run(client)).rejects.toThrow("The service refused (413). Not now.");
    expect(trades()).toEqual([]);
  });

  it("sends no batch of over 250,000 bytes: characters may be three", async () => {
    const sent: number[] = [];
    const none = { position: 0, inserted: 0, replaced: 0, unchanged: 0, skipped: 0 };
    async function* rows() {
      for (let n = 0; n < 10; n++) yield { line: n + 2, row: ok({ label: "\u8a9e".repeat(30_000) }) };
    }
    const client = {
      progress: async () => none,
      send: async (_: string, position: number, bodies: readonly string[]) => {
        sent.push(Buffer.byteLength(bodies.join()));
        return { ...none, position: position + bodies.length, rejected: [] };
      },
    };
    await importRows({ client, source: "s", rows: rows(), batch: 1_000 });
    expect(sent).toHaveLength(5);
    expect(Math.max(...sent)).toBeLessThan(250_000);
  });

  it("ends when it is stopped, in a pause and while it waits for an answer", async () => {
    const pausing = new AbortController();
    const paused = await start([503], {
      signal: pausing.signal,
      pauses: [60_000],
      onPause: () => pausing.abort(),
    });
    await expect(run(paused.client)).rejects.toThrow("The import was stopped.");
    const asking = new AbortController();
    const asked = await start([], { signal: asking.signal });
    const outcome = asked.client.progress("s");
    asking.abort();
    await expect(outcome).rejects.toThrow("The import was stopped.");
    expect(asked.pauses).toEqual([]);
  });

  it("ends at once when it is refused, when another run is at it, and when it is sent elsewhere", async () => {
    const refused = await start([401]);
    await expect(run(refused.client)).rejects.toThrow(ImportError);
    expect(refused.pauses).toEqual([]);
    const other = await start([]);
    const rows = [GOOD.trades.text];
    await other.client.progress("s");
    other.importer.importBatch("trades", { source: "s", position: 0, rows });
    await expect(other.client.send("s", 0, ["{}", "{}"])).rejects.toThrow("Another run");
    const elsewhere = await start([200]);
    await expect(run(elsewhere.client)).rejects.toThrow("is another service");
  });
});
