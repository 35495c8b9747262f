import { expect, it } from "vitest";
import { dataOf } from "../../../../../src/backends/embedded/chat/assistant/dataset-data.ts";
import { headLine, type QueryCall, rowsLine } from "../../../../../src/backends/embedded/query/protocol.ts";
import { settled } from "../../../../support/fakes.ts";

const ASKER = { applicationId: "demo", userId: "user_1" };

it("the data of an application is asked for again where the platform says that helps", async () => {
  const calls: [string, QueryCall][] = [];
  const datasets = {
    getByName: (name: string) => ({
      query: async (call: QueryCall) => {
        if (calls.push([name, call]) === 1) throw Object.assign(new Error("Reset."), { retryable: true });
        const lines = [
          headLine({ columns: [{ name: "n", type: "integer" }], totalRows: 1 }),
          rowsLine(new TextEncoder().encode('[{"n":1}]')),
        ];
        const body = new ReadableStream<Uint8Array>({
          start: (controller) => {
            for (const line of lines) controller.enqueue(line);
            controller.close();
          },
        });
        return { status: "accepted" as const, estimatedMs: 1, body };
      },
    }),
  };
  const data = dataOf(datasets, async () => {})(ASKER, new AbortController().signal);
  expect(await data.ask("SELECT ? AS n", [1])).toEqual({ ok: true, value: [{ n: 1 }] });
  const call = ["demo", { sql: "SELECT ? AS n", params: [1], userId: "user_1" }];
  expect(calls).toEqual([call, call]);
});

it("a query of the assistant is left where its answer is cancelled", async () => {
  let left = false;
  const body = new ReadableStream<Uint8Array>({
    cancel: () => {
      left = true;
    },
  });
  const query = async () => ({ status: "accepted" as const, estimatedMs: 1, body });
  const abort = new AbortController();
  const asked = dataOf({ getByName: () => ({ query }) }, async () => {})(ASKER, abort.signal).ask(
    "SELECT 1",
    [],
  );
  await settled();
  abort.abort();
  expect(await asked).toEqual({
    ok: false,
    error: { code: "INTERNAL", message: "The answer was cancelled." },
  });
  expect(left).toBe(true);
});
