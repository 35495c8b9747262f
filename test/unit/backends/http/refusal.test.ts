import { expect, it } from "vitest";
import { type Reply, refusalOf } from "../../../../src/backends/http/refusal.ts";
import { serverEvent } from "../../../../src/events/catalogue.ts";
import { errorEnvelope } from "../../../../src/events/envelope.ts";

const reply = (status: number, body?: unknown, retryAfter?: number): Reply => ({ status, body, retryAfter });

const envelope = (code: string, message: unknown = "Read the manual.") => ({ code, message });

const refused = (event: string, data: object) => ({ refusal: { event, data } });

const anyMessage = expect.stringMatching(/./);

it.each([400, 422])("REQ-2 %i with an error envelope is VALIDATION_FAILED with its message", (status) => {
  expect(refusalOf("query", reply(status, envelope("INTERNAL")))).toEqual(
    refused("error", { code: "VALIDATION_FAILED", message: "Read the manual." }),
  );
});

it.each([
  ["longer than 500 characters", "x".repeat(501)],
  ["empty", " "],
])("REQ-2 a message that is %s does not reach the client", (_, message) => {
  const { refusal } = refusalOf("query", reply(400, envelope("VALIDATION_FAILED", message)));
  expect(refusal).toEqual({
    event: "error",
    data: { code: "VALIDATION_FAILED", message: expect.not.stringContaining("xx") },
  });
});

it("REQ-2 a message of 500 characters reaches the client, well-formed", () => {
  const { refusal } = refusalOf("query", reply(404, envelope("NOT_FOUND", `${"x".repeat(499)}\ud800`)));
  expect(refusal.data).toEqual({ code: "NOT_FOUND", message: `${"x".repeat(499)}�` });
});

it.each([401, 403])("REQ-2 %i with code UNAUTHORIZED means the user", (status) => {
  expect(refusalOf("query", reply(status, envelope("UNAUTHORIZED", "Not your application.")))).toEqual(
    refused("error", { code: "UNAUTHORIZED", message: "Not your application." }),
  );
});

it.each([
  [401, undefined],
  [403, envelope("NOT_FOUND")],
  [403, { code: "UNAUTHORIZED" }],
])("REQ-2 %i with %j means the service, whose client is told nothing of it", (status, body) => {
  expect(refusalOf("query", reply(status, body))).toEqual({
    ...refused("error", { code: "INTERNAL", message: expect.not.stringMatching(/manual|credential/) }),
    fault: "the upstream refused the service credential",
  });
});

it.each([
  [{ required: 5, available: "2.50", action: "deep_query" }, "deep_query"],
  [{ required: "5", available: 2, more: true }, "query"],
])("REQ-2 402 with %j is insufficient_credits for %s", (body, action) => {
  const { required, available } = body;
  const result = refusalOf("query", reply(402, body));
  expect(result).toEqual(refused("insufficient_credits", { required, available, action }));
  expect(serverEvent("insufficient_credits")?.schema.safeParse(result.refusal.data).success).toBe(true);
});

it.each([undefined, null, [], {}, { required: 5 }, { required: "much", available: 1 }])(
  "REQ-2 402 with %j is a fault of the upstream",
  (body) => {
    expect(refusalOf("query", reply(402, body))).toEqual({
      ...refused("error", { code: "INTERNAL", message: anyMessage }),
      fault: anyMessage,
    });
  },
);

it.each([
  ["the header's seconds", reply(429, undefined, 7), { message: anyMessage, retryAfter: 7 }],
  [
    "the header's before the body's",
    reply(429, { ...envelope("RATE_LIMITED"), retryAfter: 9 }, 7),
    { retryAfter: 7 },
  ],
  [
    "the body's",
    reply(429, { ...envelope("RATE_LIMITED"), retryAfter: 9 }),
    { message: "Read the manual.", retryAfter: 9 },
  ],
  ["none", reply(429), { message: anyMessage }],
])("REQ-2 429 is a rate_limit_error with %s as retryAfter", (_, given, data) => {
  const result = refusalOf("query", given);
  expect(result).toMatchObject(refused("rate_limit_error", { code: "RATE_LIMITED", ...data }));
  expect(serverEvent("rate_limit_error")?.schema.safeParse(result.refusal.data).success).toBe(true);
});

it.each([
  ["an envelope", envelope("NOT_FOUND", "No such table."), "No such table."],
  ["anything else", "<html>", anyMessage],
])("REQ-2 404 with %s is NOT_FOUND", (_, body, message) => {
  expect(refusalOf("query", reply(404, body))).toEqual(refused("error", { code: "NOT_FOUND", message }));
});

it.each([502, 503, 504])("REQ-2 %i is INTERNAL, to be tried again when it says, or in 5 s", (status) => {
  const told = (retryAfter: number) => ({
    ...refused("error", { code: "INTERNAL", message: anyMessage, retryAfter }),
    fault: "unavailable",
  });
  expect(refusalOf("query", reply(status))).toEqual(told(5));
  expect(refusalOf("query", reply(status, undefined, 60))).toEqual(told(60));
});

it.each([100, 201, 204, 206, 301, 302, 307, 405, 409, 413, 418, 500, 501, 507, 599])(
  "REQ-2 any other status, such as %i, is INTERNAL, and the upstream's words stay in",
  (status) => {
    const result = refusalOf("query", reply(status, envelope("NOT_FOUND", "at /srv/app.js:7")));
    expect(result).toEqual({
      ...refused("error", { code: "INTERNAL", message: expect.not.stringContaining("srv") }),
      fault: anyMessage,
    });
    expect(errorEnvelope.safeParse(result.refusal.data).success).toBe(true);
  },
);
