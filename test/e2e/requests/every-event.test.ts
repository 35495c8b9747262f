import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cases } from "./cases.ts";
import { type BackendName, type Stage, startStage } from "./stage.ts";

const backends: readonly [BackendName, string][] = [
  ["embedded", "REQ-3 with the embedded backend"],
  ["http", "REQ-2 with an HTTP upstream"],
];

describe.each(backends)("REQ-1 %s: %s", (backend) => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await startStage(backend);
  });

  afterAll(() => stage?.stop());

  const own = cases.filter((one) => one.backend === undefined || one.backend === backend);

  it.each(own.map((one) => [one.title, one] as const))("%s", async (_, { shows, run }) => {
    stage.takeSeen();
    await run(stage);
    const seen = stage.takeSeen();
    // What the table in docs/event-tests.md says of this case.
    expect(shows.filter((event) => !seen.has(event))).toEqual([]);
  });
});
