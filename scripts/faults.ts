import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { describeMachine, formatMachine } from "../bench/lib/machine.ts";
import { ROOT } from "./lib/wrangler.ts";

/**
 * `npm run test:faults`: the fault suite in full (`npm test` runs a shorter form). It prints a table of what
 * was done and what came of it.
 *
 *     --seed <n>   other faults at other moments (1)
 *     --write      keep the table in docs/reliability.md
 */
const DOCUMENT = path.join(ROOT, "docs/reliability.md");
const BEGIN = "<!-- npm run test:faults writes from here -->\n";
const END = "<!-- to here -->\n";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, write: { type: "boolean", default: false } },
});

const describeRun = (): string =>
  `\`npm run test:faults -- --seed ${values.seed}\`. ${formatMachine(describeMachine(), ["Node", "workerd"])}`;

const keep = (table: string): void => {
  const document = readFileSync(DOCUMENT, "utf8");
  const [before, after] = [document.indexOf(BEGIN) + BEGIN.length, document.indexOf(END)];
  if (before < BEGIN.length || after < before) throw new Error(`${DOCUMENT} has no place for the table.`);
  writeFileSync(
    DOCUMENT,
    `${document.slice(0, before)}\n${describeRun()}\n\n${table}\n\n${document.slice(after)}`,
  );
};

const folder = mkdtempSync(path.join(os.tmpdir(), "ledgercore-faults-table-"));
try {
  const file = path.join(folder, "table.md");
  const { status } = spawnSync("vitest", ["run", "--project", "faults"], {
    stdio: "inherit",
    shell: process.platform === "win32",
    env: { ...process.env, FAULTS: "full", FAULTS_SEED: values.seed, FAULTS_TABLE: file },
  });
  process.exitCode = status ?? 1;
  if (status === 0 && values.write) keep(readFileSync(file, "utf8"));
} finally {
  rmSync(folder, { recursive: true });
}
