import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { problemOf, ROWS } from "../src/backends/embedded/dataset/rows.ts";
import { isTable, TABLES } from "../src/backends/embedded/dataset/schema.ts";
import { isApplicationId } from "../src/events/applications.ts";
import { type ColumnSources, type CsvFile, FileError, readCsv, sourceOf } from "./lib/csv-rows.ts";
import { readDevIngestToken } from "./lib/dev-credentials.ts";
import { ImportClient, ImportError } from "./lib/import-client.ts";
import { type ImportSummary, importRows } from "./lib/import-rows.ts";
import { importView } from "./lib/import-view.ts";

const MAX_BATCH = 5_000;

const USAGE = `Usage: npm run import -- <file.csv[.gz]> --table <table> [options]

  --table <table>          ${TABLES.join(", ")}
  --application <id>       whose data it is (default demo)
  --url <url>              the service (default http://localhost:8091)
  --map <column>=<name>    the file calls a column by another name, such as --map side=taker_side
  --set <column>=<value>   a value for all rows, such as --set venue=binance
  --batch <n>              rows in a request, 1 to ${MAX_BATCH} (default 1000)
  --again <name>           imports a file that is in already once more; each name counts once
  --help

The file needs a header row. The ingest token comes from INGEST_TOKEN or, for a service on this machine, from
.dev.vars. Bad rows are reported by line and skipped. What is cut off goes on where it was when run again.`;

const ALREADY_IN =
  "already in; nothing was sent. To send it once more, over what has been imported since, add --again <name>, such as --again 2.";

class UsageError extends Error {}

interface Options {
  readonly csv: CsvFile;
  readonly application: string;
  readonly url: URL;
  readonly batch: number;
}

const parse = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      table: { type: "string", default: "" },
      application: { type: "string", default: "demo" },
      url: { type: "string", default: "http://localhost:8091" },
      map: { type: "string", multiple: true, default: [] },
      set: { type: "string", multiple: true, default: [] },
      batch: { type: "string", default: "1000" },
      again: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });

const readOptions = (): Options => {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const [file, ...others] = positionals;
  const { table, application, again } = values;
  const batch = Number(values.batch);
  if (file === undefined || others.length > 0) throw new UsageError("Name one file.");
  if (!isTable(table)) throw new UsageError(`--table is one of ${TABLES.join(", ")}.`);
  if (!isApplicationId(application)) throw new UsageError("--application is no application id.");
  if (!/^https?:\/\//.test(values.url) || !URL.canParse(values.url)) {
    throw new UsageError("--url is no http or https URL.");
  }
  if (!Number.isInteger(batch) || batch < 1 || batch > MAX_BATCH) {
    throw new UsageError(`--batch is a number from 1 to ${MAX_BATCH}.`);
  }
  if (again === "") throw new UsageError("--again takes a name, such as 2.");
  const pairs = (option: "map" | "set"): Record<string, string> =>
    Object.fromEntries(
      values[option].map((text) => {
        const [, column = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
        if (!ROWS[table].columns.includes(column)) {
          const columns = ROWS[table].columns.join(", ");
          throw new UsageError(`--${option} takes <column>=<…> with a column of ${table}: ${columns}.`);
        }
        return [column, value];
      }),
    );
  const columns: ColumnSources = { map: pairs("map"), set: pairs("set") };
  for (const [column, value] of Object.entries(columns.set)) {
    const problem = problemOf(table, column, value);
    if (problem !== undefined) throw new UsageError(`--set ${column}: ${problem}.`);
  }
  const csv = { file, table, columns, ...(again !== undefined && { again }) };
  return { csv, application, url: new URL(values.url), batch };
};

/** The token for the service. That of .dev.vars is for this machine alone. */
const tokenFor = async ({ hostname }: URL): Promise<string> => {
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  const token = process.env.INGEST_TOKEN || (isLocal ? await readDevIngestToken() : undefined);
  if (token === undefined) {
    throw new UsageError("Set INGEST_TOKEN to one of the service's INGEST_TOKENS.");
  }
  return token;
};

const runImport = async ({ csv, application, url, batch }: Options): Promise<ImportSummary> => {
  const { file, table } = csv;
  const token = await tokenFor(url);
  const source = await sourceOf(csv);
  const rows = readCsv(csv);
  const view = importView(file, statSync(file).size);
  const client = new ImportClient({
    ...{ url, application, table, token },
    onPause: (reason, seconds) => view.line(`${reason} Trying again in ${seconds} s.`),
  });
  let begun = false;
  const interrupt = () => {
    view.stop();
    console.error("Stopped. Run the same again to go on where it stopped.");
    process.exit(130);
  };
  process.once("SIGINT", interrupt);
  try {
    if (await client.isEmpty()) view.line(`The application "${application}" has no data yet.`);
    return await importRows({
      ...{ client, source, rows, batch },
      onStart: ({ position }) => {
        begun = true;
        if (position > 0) view.line(`Going on after the ${position} rows that an earlier run has sent.`);
      },
      onBadRow: (line, reason) => view.line(`${file}:${line}: ${reason}`),
      onProgress: ({ position }) => view.update(rows.bytesRead, position),
    });
  } catch (error) {
    if (!begun || !(error instanceof ImportError)) throw error;
    throw new Error(`${error.message} Run the same again to go on where it stopped.`);
  } finally {
    process.removeListener("SIGINT", interrupt);
    view.stop();
  }
};

const main = async (): Promise<void> => {
  const options = readOptions();
  try {
    const { imported, replaced, unchanged, skipped, alreadyIn } = await runImport(options);
    const notes = [
      ...(replaced > 0 ? [`${replaced} replaced earlier rows`] : []),
      ...(unchanged > 0 ? [`${unchanged} were there already`] : []),
    ];
    console.log(
      `imported ${imported}, skipped ${skipped}${notes.length > 0 ? ` (${notes.join(", ")})` : ""}`,
    );
    if (alreadyIn) console.log(ALREADY_IN);
    if (imported === 0 && skipped > 0) process.exitCode = 1;
  } catch (error) {
    if (error instanceof FileError) throw new Error(`${options.csv.file}: ${error.message}`);
    throw error;
  }
};

main().catch((error: Error) => {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error.message);
  process.exitCode = 1;
});
