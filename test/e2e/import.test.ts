import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sourceOf } from "../../scripts/lib/csv-rows.ts";
import { DEMO_PARTS, describeDemo, importDemoData } from "../../scripts/lib/demo-data.ts";
import { ROOT } from "../../scripts/lib/wrangler.ts";
import { INGEST_TOKEN, type Service, startService } from "../support/service.ts";

let service: Service;
let folder: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  service = await startService({ vars: { INGEST_MAX_BYTES: "600000" } });
  folder = await mkdtemp(path.join(tmpdir(), "import-"));
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true });
});

const ask = async (where: string, init: RequestInit = {}) => {
  const response = await fetch(`${service.origin}/api/applications/${where}`, {
    ...init,
    headers: {
      authorization: `Bearer ${INGEST_TOKEN}`,
      "content-type": "application/json",
      ...(init.headers as Record<string, string>),
    },
  });
  const text = await response.text();
  return { response, status: response.status, body: text === "" ? undefined : JSON.parse(text) };
};

const post = (where: string, body: unknown, headers: Record<string, string> = {}) =>
  ask(where, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });

const trade = (number: number, price = "1.5") => ({
  symbol: "BTC-USDT",
  venue: "test",
  trade_id: String(number),
  timestamp: 1723161601000 + number,
  price,
  size: "0.1",
  side: "buy",
});

describe("POST /api/applications/:application/import/:table", () => {
  it("stores the good rows, names the bad ones, and goes on where the source stands", async () => {
    const first = { source: "a", position: 0, rows: [trade(1), trade(2, "free"), trade(3)] };
    const answer = {
      position: 3,
      inserted: 2,
      replaced: 0,
      unchanged: 0,
      skipped: 1,
      rejected: [{ index: 1, column: "price", message: expect.stringContaining("Expected a number") }],
    };
    expect(await post("endpoint/import/trades", first)).toMatchObject({ status: 200, body: answer });
    expect(await post("endpoint/import/trades", first)).toMatchObject({ status: 200, body: answer });
    const early = await post("endpoint/import/trades", { ...first, position: 7 });
    expect(early.status).toBe(409);
    expect(early.body).toEqual({ code: "VALIDATION_FAILED", message: expect.any(String), position: 3 });
    const { rejected: _, ...progress } = answer;
    expect((await ask("endpoint/import/trades?source=a")).body).toEqual(progress);
    expect((await ask("endpoint/import/trades?source=b")).body).toMatchObject({ position: 0 });
  });

  it.each([
    ["none", ""],
    ["a wrong one", "Bearer wrong"],
  ])("401 for every method without a token: %s", async (_, authorization) => {
    const refused = { status: 401, body: { code: "UNAUTHORIZED" } };
    const headers = { authorization };
    expect(await post("demo/import/trades", {}, headers)).toMatchObject(refused);
    expect(await ask("demo/import/trades?source=a", { headers })).toMatchObject(refused);
    expect(await ask("demo/tables", { headers })).toMatchObject(refused);
    expect(await ask("demo/tables/trades", { method: "DELETE", headers })).toMatchObject(refused);
  });

  it.each(["imports", "sqlite_master", "TRADES", "trades;--"])(
    "404 for the table %s, which says what tables there are",
    async (table) => {
      const unknown = {
        status: 404,
        body: { code: "NOT_FOUND", message: expect.stringContaining("trades") },
      };
      expect(await post(`demo/import/${encodeURIComponent(table)}`, {})).toMatchObject(unknown);
      expect(await ask(`demo/tables/${encodeURIComponent(table)}`, { method: "DELETE" })).toMatchObject(
        unknown,
      );
    },
  );

  it.each(["a b", "ä", "a".repeat(65)])("404 for the application %s, whose id is none", async (id) => {
    expect((await ask(`${encodeURIComponent(id)}/tables`)).status).toBe(404);
  });

  it.each<[string, unknown]>([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["no source", { position: 0, rows: [{}] }],
    ["a source with other characters", { source: "a/b", position: 0, rows: [{}] }],
    ["a negative position", { source: "a", position: -1, rows: [{}] }],
    ["no rows", { source: "a", position: 0, rows: [] }],
    ["an unknown field", { source: "a", position: 0, rows: [{}], table: "bars" }],
  ])("400 for %s", async (_, body) => {
    const { status, body: envelope } = await post("demo/import/trades", body);
    expect(status).toBe(400);
    expect(envelope).toEqual({ code: "VALIDATION_FAILED", message: expect.any(String) });
  });

  it("413 above the bytes and above the rows of a request", async () => {
    const rows = Array.from({ length: 5_001 }, () => 1);
    expect((await post("demo/import/trades", { source: "a", position: 0, rows })).status).toBe(413);
    expect((await post("demo/import/trades", `"${"x".repeat(600_000)}"`)).status).toBe(413);
  });

  it("415 for other content types and encodings", async () => {
    expect((await post("demo/import/trades", "", { "content-type": "text/csv" })).status).toBe(415);
    expect((await post("demo/import/trades", "", { "content-encoding": "gzip" })).status).toBe(415);
  });

  it("405 for other methods, with those it takes", async () => {
    const { status, response } = await ask("demo/import/trades", { method: "PUT" });
    expect(status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST");
  });
});

it("counts the rows of an application's tables, and empties one, which can then be filled anew", async () => {
  const batch = { source: "a", position: 0, rows: [trade(1), trade(2)] };
  await post("emptied/import/trades", batch);
  const counts = { bars: 0, trades: 2, transfers: 0, address_labels: 0 };
  expect((await ask("emptied/tables")).body).toEqual({ tables: counts });
  expect((await ask("other/tables")).body).toEqual({ tables: { ...counts, trades: 0 } });
  expect((await ask("emptied/tables/trades", { method: "DELETE" })).status).toBe(204);
  expect((await ask("emptied/tables")).body).toEqual({ tables: { ...counts, trades: 0 } });
  expect((await post("emptied/import/trades", batch)).body).toMatchObject({ position: 2, inserted: 2 });
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; out: string; err: string }>;
}

/** The command, as `npm run import` starts it. */
const cli = (args: readonly string[], env: Record<string, string> = { INGEST_TOKEN }): Run => {
  const child = spawn(process.execPath, [path.join(ROOT, "scripts/import.ts"), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => {
    out += data;
  });
  child.stderr.on("data", (data) => {
    err += data;
  });
  return { child, ended: once(child, "close").then(([code]) => ({ code, out, err })) };
};

const ROWS = 2_000;
/** Every 100th row has a bad price, every 150th too few values; what is both is the latter. */
const BAD_LINES = Array.from({ length: ROWS }, (_, index) => index).filter(
  (index) => index % 100 === 99 || index % 150 === 149,
);
/** Rows with too few values are not sent. */
const SHORT = Math.floor(ROWS / 150);
const OPTIONS = { map: { side: "taker_side" }, set: { symbol: "BTC-USDT", venue: "test" } };

const csv = (): string => {
  const rows = Array.from({ length: ROWS }, (_, index) => {
    if (index % 150 === 149) return `${1723161601000 + index},${index}`;
    return `${1723161601000 + index},${index},${index % 100 === 99 ? "secret" : "1.5"},0.1,buy`;
  });
  return `timestamp,trade_id,price,size,taker_side\n${rows.join("\n")}\n`;
};

const argumentsFor = (application: string, file: string, ...more: string[]): string[] => [
  file,
  ...["--table", "trades", "--application", application, "--url", service.origin],
  ...["--map", "side=taker_side", "--set", "symbol=BTC-USDT", "--set", "venue=test", ...more],
];

/** That the application has the good rows of the file, and nothing else. */
const expectWhole = async (application: string): Promise<void> => {
  const good = Array.from({ length: ROWS }, (_, index) => index).filter(
    (index) => !BAD_LINES.includes(index),
  );
  expect((await ask(`${application}/tables`)).body.tables.trades).toBe(good.length);
  const rows = good.map((index) => trade(index));
  // A row that was there with other values would be replaced.
  for (let position = 0; position < rows.length; position += 1_000) {
    const batch = { source: "check", position, rows: rows.slice(position, position + 1_000) };
    expect((await post(`${application}/import/trades`, batch)).status).toBe(200);
  }
  expect((await ask(`${application}/import/trades?source=check`)).body).toMatchObject({
    unchanged: good.length,
    replaced: 0,
    inserted: 0,
  });
};

describe("npm run import", () => {
  const summary = `imported ${ROWS - BAD_LINES.length}, skipped ${BAD_LINES.length}\n`;

  it("says that the application is new, imports a file, reports its bad rows by line and skips them", async () => {
    await writeFile(path.join(folder, "trades.csv"), csv());
    const { code, out, err } = await cli(argumentsFor("whole", "trades.csv")).ended;
    expect({ code, out }).toEqual({ code: 0, out: summary });
    const [first, ...reported] = err.trim().split("\n");
    expect(first).toBe('The application "whole" has no data yet.');
    // The header is line 1.
    expect(reported.map((line) => Number(/^trades\.csv:(\d+): /.exec(line)?.[1]))).toEqual(
      BAD_LINES.map((index) => index + 2),
    );
    expect(err).toContain("trades.csv:101: price: Expected a number that is not negative, such as 12.5\n");
    expect(err).toContain("trades.csv:151: Expected 5 values, as in the header; there are 2\n");
    expect(err).not.toContain("secret");
    await expectWhole("whole");
  });

  it("killed midway and run again, ends as if it had run in one go", async () => {
    const file = path.join(folder, "cut.csv");
    await writeFile(file, csv());
    const args = argumentsFor("cut", file, "--batch", "10");
    const source = await sourceOf({ file, table: "trades", columns: OPTIONS });
    const progress = async () => (await ask(`cut/import/trades?source=${source}`)).body.position as number;
    const first = cli(args);
    await expect.poll(progress, { interval: 5, timeout: 10_000 }).toBeGreaterThan(100);
    first.child.kill("SIGKILL");
    await first.ended;
    expect(await progress()).toBeLessThan(ROWS * 0.9);
    const { code, out, err } = await cli(args).ended;
    expect({ code, out }).toEqual({ code: 0, out: summary });
    expect(err).toMatch(/^Going on after the \d+ rows that an earlier run has sent\.\n/);
    await expectWhole("cut");
    // And once more: nothing is left to do.
    expect(await cli(args).ended).toMatchObject({ code: 0, out: expect.stringContaining(summary) });
  });

  it("waits for a service that dies and comes back, and goes on", async () => {
    const file = path.join(folder, "dies.csv");
    await writeFile(file, csv());
    const persist = path.join(folder, "state");
    let mortal = await startService({ persist });
    try {
      const run = cli(argumentsFor("dies", file, "--batch", "10", "--url", mortal.origin));
      const source = await sourceOf({ file, table: "trades", columns: OPTIONS });
      const url = `${mortal.origin}/api/applications/dies/import/trades?source=${source}`;
      const headers = { authorization: `Bearer ${INGEST_TOKEN}` };
      const progress = async () => (await (await fetch(url, { headers })).json()) as { position: number };
      await expect
        .poll(async () => (await progress()).position, { interval: 5, timeout: 10_000 })
        .toBeGreaterThan(100);
      await mortal.crash();
      mortal = await startService({ persist, port: Number(new URL(mortal.origin).port) });
      const { code, out, err } = await run.ended;
      expect({ code, out }).toEqual({ code: 0, out: summary });
      expect(err).toMatch(/cannot be reached: \w+\. Trying again in [\d.]+ s\./);
      expect((await progress()).position).toBe(ROWS - SHORT);
    } finally {
      await mortal.stop();
    }
  });

  it("reads a gzipped file, and tells rows that were there already from new ones", async () => {
    await writeFile(path.join(folder, "trades.csv.gz"), gzipSync(csv()));
    const run = () => cli(argumentsFor("gzip", "trades.csv.gz")).ended;
    expect(await run()).toMatchObject({ code: 0, out: summary });
    await expectWhole("gzip");
    await writeFile(path.join(folder, "corrected.csv"), csv().replace("1,1.5,", "1,2.5,"));
    const { out } = await cli(argumentsFor("gzip", "corrected.csv")).ended;
    expect(out).toBe(
      summary.replace(
        "\n",
        ` (1 replaced earlier rows, ${ROWS - BAD_LINES.length - 1} were there already)\n`,
      ),
    );
  });

  it("says that a file is in already, and sends it once more, over a correction, when asked to", async () => {
    const [file, corrected] = [path.join(folder, "first.csv"), path.join(folder, "second.csv")];
    await writeFile(file, csv());
    await writeFile(corrected, csv().replace("1,1.5,", "1,2.5,"));
    await cli(argumentsFor("again", file)).ended;
    await cli(argumentsFor("again", corrected)).ended;
    const good = ROWS - BAD_LINES.length;
    const repeated = await cli(argumentsFor("again", file)).ended;
    expect(repeated).toMatchObject({ code: 0, err: expect.stringMatching(/^(?!.*no data yet)/s) });
    expect(repeated.out).toMatch(/^imported .*\nalready in; nothing was sent\. .* --again 2\.\n$/);
    const once = await cli(argumentsFor("again", file, "--again", "2")).ended;
    expect(once.out).toBe(
      summary.replace("\n", ` (1 replaced earlier rows, ${good - 1} were there already)\n`),
    );
    expect((await cli(argumentsFor("again", file, "--again", "2")).ended).out).toContain("already in");
    await expectWhole("again");
  });

  it.each<[string, string, string[], RegExp]>([
    ["a file without needed columns", "timestamp,price\n", [], /has no column trade_id, size, side.*--set/s],
    [
      "a file where every row is bad",
      "timestamp,trade_id,price,size,side\n1,1,1,1,buy\n",
      [],
      /:2: timestamp: /,
    ],
    ["an empty file", "", [], /header row/],
    ["an unknown table", "a\n", ["--table", "accounts"], /--table is one of bars, trades.*Usage/s],
    [
      "a value that no row can have",
      "a\n",
      ["--set", "symbol=btc"],
      /--set symbol: Expected two or three.*Usage/s,
    ],
    ["a column that is none", "a\n", ["--set", "colour=red"], /--set takes.*columns?.*symbol, venue.*Usage/s],
    [
      "a service that is not there",
      "timestamp,trade_id,price,size,side\n",
      ["--url", "http://localhost:1"],
      /cannot be reached.*--url/s,
    ],
  ])("exits with 1 for %s, and says what is wrong", async (_, text, more, message) => {
    await writeFile(path.join(folder, "refused.csv"), text);
    const args = ["refused.csv", "--table", "trades", "--set", "symbol=A-B", "--set", "venue=x"];
    const { code, err } = await cli([...args, "--url", service.origin, ...more]).ended;
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  it("exits with 1 for a wrong token, without printing it, and for a file that is not there", async () => {
    await writeFile(path.join(folder, "token.csv"), csv());
    const refused = await cli(argumentsFor("token", "token.csv"), { INGEST_TOKEN: "wrong-token" }).ended;
    expect(refused).toMatchObject({ code: 1, out: "", err: expect.stringContaining("INGEST_TOKENS") });
    expect(refused.err).not.toContain("wrong-token");
    const absent = await cli(argumentsFor("token", "absent.csv")).ended;
    expect(absent).toMatchObject({ code: 1, out: "", err: "absent.csv: There is no such file.\n" });
  });
});

describe("the demo's data", () => {
  it("is in after one import, and another has nothing to do", async () => {
    const run = () =>
      importDemoData({ url: new URL(service.origin), token: INGEST_TOKEN, application: "fresh" });
    const first = await run();
    const { tables } = (await ask("fresh/tables")).body;
    expect(tables).toEqual({
      bars: 301 + 290,
      trades: 10_147 + 8_409,
      transfers: 396,
      address_labels: 644 + 36,
    });
    expect(first.map(({ summary: { skipped, replaced } }) => skipped + replaced)).toEqual(first.map(() => 0));
    expect(first.some(({ summary: { alreadyIn } }) => alreadyIn)).toBe(false);
    expect(await run()).toEqual(
      first.map(({ part, summary }) => ({ part, summary: { ...summary, alreadyIn: true } })),
    );
    expect((await ask("fresh/tables")).body.tables).toEqual(tables);
  });

  it("is told with how much there is of what, and calls made up what is made up", () => {
    const summary = { imported: 7, replaced: 0, unchanged: 0, skipped: 0, alreadyIn: false };
    const line = describeDemo(DEMO_PARTS.map((part) => ({ part, summary })));
    expect(line).toMatch(/7 real trades of BTC-USDT .*, 7 synthetic labels, 7 synthetic transfers\.$/);
    for (const { file, what } of DEMO_PARTS) {
      expect(what.includes("synthetic")).toBe(file.includes("synthetic"));
    }
  });

  it("is of every CSV file in data/ but OFAC's list as it was published", async () => {
    const files = (await readdir(path.join(ROOT, "data"))).filter((file) => file.endsWith(".csv"));
    const imported = new Set(DEMO_PARTS.map(({ file }) => file));
    expect(files.filter((file) => !imported.has(file))).toEqual(["ofac-sanctioned-addresses.csv"]);
  });
});
