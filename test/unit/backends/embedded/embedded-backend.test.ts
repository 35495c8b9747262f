import { expect, it } from "vitest";
import type { Backend, BackendRequest } from "../../../../src/backends/backend.ts";
import { authorized, type Handlers, handling } from "../../../../src/backends/embedded/embedded-backend.ts";

const request: BackendRequest<"query"> = {
  ...{ id: "r1", event: "query", payload: { sql: "SELECT 1", applicationId: "app_1" } },
  ...{ userId: "u", socketId: "s", applicationId: "app_1", applications: ["app_1"] },
};

const { signal } = new AbortController();

it("REQ-3 a request is answered by the handler of its event", async () => {
  const asked: unknown[] = [];
  const handlers = {
    async *query(...args: unknown[]) {
      asked.push(args);
      yield { event: "query_error", data: {} };
    },
  } as unknown as Handlers;
  const started = await handling(handlers).start(request, signal);
  if (started.status !== "accepted") throw new Error("It was accepted.");
  const said: unknown[] = [];
  for await (const event of started.events) said.push(event);
  expect(said).toEqual([{ event: "query_error", data: {} }]);
  expect(asked).toEqual([[request, signal]]);
});

it.each([
  ["others", ["app_2", "app_3"], "It opens app_2, app_3."],
  ["none", [], "It opens none."],
])("REQ-3 an application is not touched for whose token opens %s", async (_, applications, said) => {
  let started = 0;
  const backend: Backend = {
    start: async () => {
      started++;
      return { status: "deferred" };
    },
  };
  const message = `Your token does not open this application. ${said}`;
  expect(await authorized(backend).start({ ...request, applications }, signal)).toEqual({
    status: "refused",
    refusal: { event: "error", data: { code: "UNAUTHORIZED", message } },
  });
  expect(started).toBe(0);
  expect(await authorized(backend).start(request, signal)).toEqual({ status: "deferred" });
});
