import { writeFile } from "node:fs/promises";
import { afterAll, describe, expect, it } from "vitest";
import { Random } from "../support/packet-generator.ts";
import { rowOf, tableOf } from "./report.ts";
import { SCENARIOS } from "./scenarios.ts";
import { Stage } from "./stage.ts";
import { judge } from "./verdict.ts";

/** The same seed gives the same faults, though not at the same instructions: FAULTS_SEED=2 npm run test:faults. */
const SEED = Number(process.env.FAULTS_SEED ?? 1);
const SCALE = process.env.FAULTS === "full" ? "full" : "ci";
const TIMEOUT_MS = { ci: 90_000, full: 600_000 };
/** How many of the service's last log lines a failure shows. */
const SHOWN_LOGS = 20;

const rows: (readonly string[])[] = [];

afterAll(async () => {
  const table = tableOf(rows);
  console.log(`FAULTS=${SCALE} FAULTS_SEED=${SEED}\n${table}`);
  if (process.env.FAULTS_TABLE !== undefined) await writeFile(process.env.FAULTS_TABLE, table);
});

describe("USER-1 USER-2 ROOM-6 nothing is lost, doubled or out of order", () => {
  it.each(SCENARIOS.map((scenario, index) => ({ ...scenario, index })))(
    "$name",
    {
      timeout: TIMEOUT_MS[SCALE],
    },
    async (scenario) => {
      const times = scenario.times[SCALE];
      const random = new Random(SEED * 100 + scenario.index);
      const stage = await Stage.open({ ...scenario.stage, cast: scenario.cast, random });
      try {
        await scenario.play(stage, times);
        const verdict = await judge(stage);
        rows.push(rowOf(scenario, times, verdict));
        if (verdict.problems.length > 0) console.log(stage.service.logs.slice(-SHOWN_LOGS).join("\n"));
        expect(verdict).toMatchObject({
          received: verdict.due,
          lost: 0,
          doubled: 0,
          disordered: 0,
          unrecovered: 0,
          staleBars: 0,
          ghosts: 0,
          problems: [],
        });
      } finally {
        await stage.close();
      }
    },
  );
});
