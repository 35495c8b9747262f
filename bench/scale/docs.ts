import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { ROOT } from "../../scripts/lib/wrangler.ts";
import { drawChart } from "../lib/chart.ts";
import { MACHINE_FILE } from "./calibrate.ts";
import { chartsOf } from "./charts.ts";
import { fill } from "./fill.ts";
import type { Study } from "./study.ts";
import { tablesOf } from "./tables.ts";
import { formatValidation, VALIDATION_FILE, type Validation } from "./validate.ts";

const DOCUMENT = path.join(ROOT, "docs/scale.md");
const CHARTS = path.join(ROOT, "docs/charts");

type Run = Pick<Validation, "machine" | "rounds" | "loadBefore" | "loadAfter">;

const describeRun = ({ machine, rounds, loadBefore, loadAfter }: Run): string =>
  `${machine} ${rounds} ${rounds === 1 ? "round" : "rounds"}; load average ${loadBefore.toFixed(1)} before, ${loadAfter.toFixed(1)} after.`;

/** A run's file was written by this program. */
const read = async <T>(file: string): Promise<T> => JSON.parse(await readFile(file, "utf8")) as T;

/** Rewrites the tables of docs/scale.md and its charts. */
export const writeDocs = async (study: Study): Promise<void> => {
  const validation = await read<Validation>(VALIDATION_FILE);
  const texts = {
    ...tablesOf(study),
    validation: `${formatValidation(validation)}\n\n${describeRun(validation)}`,
    calibration: describeRun(await read<Run>(MACHINE_FILE)),
  };
  await writeFile(DOCUMENT, fill(await readFile(DOCUMENT, "utf8"), texts));
  await mkdir(CHARTS, { recursive: true });
  for (const chart of chartsOf(study)) {
    await writeFile(path.join(CHARTS, `${chart.name}.svg`), await drawChart(chart));
  }
};
