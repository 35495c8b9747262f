import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Bystanders } from "../support/bystander.ts";
import { engineUrl, RawClient } from "../support/raw-client.ts";
import { bar, credit, INGEST_TOKEN, type Service, startService } from "../support/service.ts";

let service: Service;
let bystanders: Bystanders;

beforeAll(async () => {
  service = await startService({
    vars: {
      INGEST_TOKENS: `${INGEST_TOKEN}, second-token`,
      INGEST_MAX_BYTES: "4000",
      INGEST_MAX_EVENTS: "5",
    },
  });
  bystanders = await Bystanders.start(service);
});
afterEach(() => bystanders.areUntouched());
afterAll(() => service.stop());

describe("ING-1 credentials", () => {
  it.each([
    ["none", ""],
    ["a wrong token", "Bearer wrong"],
    ["a longer token", `Bearer ${INGEST_TOKEN}x`],
    ["another scheme", `Basic ${INGEST_TOKEN}`],
  ])("401 for %s", async (_, authorization) => {
    const response = await service.ingest(JSON.stringify(bar("A-B", 1)), { authorization });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(await response.json()).toEqual({ code: "UNAUTHORIZED", message: expect.any(String) });
  });

  it("accepts each of several tokens", async () => {
    const response = await service.ingest(JSON.stringify(bar("A-B", 1)), {
      authorization: "Bearer second-token",
    });
    expect(response.status).toBe(202);
  });

  it("401 for everything when no token is configured, and the log says what to set", async () => {
    const bare = await startService({ vars: { INGEST_TOKENS: "" } });
    try {
      expect((await bare.ingest("{}")).status).toBe(401);
      await expect.poll(() => bare.logs.join()).toContain("set INGEST_TOKENS");
    } finally {
      await bare.stop();
    }
  });
});

describe("ING-2", () => {
  it("202 counts the accepted and names the rejected; a bad item never blocks the good ones", async () => {
    const client = await service.connect("user_mixed");
    const response = await service.ingest(
      JSON.stringify([
        credit("user_mixed", 1),
        { id: "e1", event: "no_such_event", userId: "user_mixed", data: {} },
        { id: "e2", ...credit("user_mixed", 2), data: { amount: 2 } },
        { event: "credits_granted", data: credit("x", 3).data },
        credit("user_mixed", 4),
      ]),
    );
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      accepted: 2,
      rejected: [
        { index: 1, id: "e1", code: "NOT_FOUND", message: expect.any(String) },
        { index: 2, id: "e2", code: "VALIDATION_FAILED", message: expect.stringContaining("newBalance") },
        { index: 3, code: "VALIDATION_FAILED", message: expect.stringContaining("userId or room") },
      ],
    });
    await client.all("credits_granted", 2);
    expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual([1, 4]);
    client.close();
  });

  it("ING-3 an event published twice under one id is accepted twice and delivered once", async () => {
    const client = await service.connect("user_twice");
    const once = { id: "once", ...credit("user_twice", 1) };
    const bodies = [once, [once, { id: "second", ...credit("user_twice", 2) }, once, { ...once, data: {} }]];
    const answers: unknown[] = [];
    for (const body of bodies) answers.push(await (await service.ingest(JSON.stringify(body))).json());
    expect(answers).toEqual([
      { accepted: 1, rejected: [] },
      {
        accepted: 3,
        rejected: [{ index: 3, id: "once", code: "VALIDATION_FAILED", message: expect.any(String) }],
      },
    ]);
    await service.publish(credit("user_twice", 3));
    await client.all("credits_granted", 3);
    expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual([1, 2, 3]);
    client.close();
  });

  it("ING-3 an id is known in its room alone, markets among them, and outlives the room's memory", async () => {
    const one = await service.connect("user_one");
    const other = await service.connect("user_other");
    const first = await service.connect("user_first");
    const second = await service.connect("user_second");
    await first.subscribe("market:IDS-USD");
    await second.subscribe("market:IDS-EUR");
    const items = [
      { id: "same", ...credit("user_one", 1) },
      { id: "same", ...credit("user_other", 1) },
      { id: "same", ...bar("IDS-USD", 1) },
      { id: "same", ...bar("IDS-EUR", 1) },
    ];
    await service.publish(items);
    for (const room of ["user:user_one", "market:IDS-USD"]) await service.evict("Room", room);
    await service.publish(items);
    await service.publish([credit("user_one", 2), credit("user_other", 2)]);
    await service.publish([bar("IDS-USD", 2), bar("IDS-EUR", 2)]);
    for (const client of [one, other]) {
      await client.all("credits_granted", 2);
      expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual([1, 2]);
    }
    for (const client of [first, second]) {
      await client.all("market_chart_live_update", 2);
      const times = client.payloads("market_chart_live_update").map(({ timestamp }) => timestamp);
      expect(times).toEqual([1, 2]);
    }
    for (const client of [one, other, first, second]) client.close();
  });

  it.each([
    ["a client's event", { event: "subscribe", userId: "u", data: { room: "market:A-B" } }, "NOT_FOUND"],
    ["no event", { userId: "u", data: {} }, "VALIDATION_FAILED"],
    ["a misspelt field", { ...credit("u", 1), userID: "u" }, "VALIDATION_FAILED"],
    ["a room and another user", { ...credit("u", 1), room: "user:v" }, "VALIDATION_FAILED"],
    ["an unknown room", { ...credit("u", 1), userId: undefined, room: "weather:x" }, "VALIDATION_FAILED"],
    ["an unusable user id", credit("a/b", 1), "VALIDATION_FAILED"],
    [
      "a socket without its user",
      { ...credit("u", 1), userId: undefined, socketId: "s" },
      "VALIDATION_FAILED",
    ],
    ["null", null, "VALIDATION_FAILED"],
    [
      "a personal event in a market room",
      { ...credit("u", 1), userId: undefined, room: "market:A-B" },
      "VALIDATION_FAILED",
    ],
    [
      "a user's answer without its user",
      { event: "market_data_response", data: { symbol: "A-B", candles: [] } },
      "VALIDATION_FAILED",
    ],
    ["another market's bar", { ...bar("A-B", 1), room: "market:C-D" }, "VALIDATION_FAILED"],
  ])("rejects %s", async (_, item, code) => {
    const response = await service.ingest(JSON.stringify([item]));
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      accepted: 0,
      rejected: [{ index: 0, code, message: expect.any(String) }],
    });
  });

  it("rejects a line of NDJSON that is no JSON, and takes the others", async () => {
    const response = await service.ingest(`{"broken\n\n${JSON.stringify(bar("A-B", 1))}\n`, {
      "content-type": "application/x-ndjson",
    });
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      accepted: 1,
      rejected: [{ index: 0, code: "VALIDATION_FAILED", message: "The line is not valid JSON." }],
    });
  });

  it("a payload nested too deeply to encode blocks no other", async () => {
    const limitless = await startService();
    try {
      const deep = `${'{"toJSON":1,"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
      const nested = JSON.stringify(bar("A-B", 2)).replace('"open"', `"x":${deep},"open"`);
      const response = await limitless.ingest(`[${JSON.stringify(bar("A-B", 1))},${nested}]`);
      expect(response.status).toBe(202);
      expect(await response.json()).toEqual({
        accepted: 1,
        rejected: [{ index: 1, code: "VALIDATION_FAILED", message: "The data is nested too deeply." }],
      });
    } finally {
      await limitless.stop();
    }
  });

  it("400 for a body that is no UTF-8", async () => {
    const response = await fetch(`${service.origin}/api/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${INGEST_TOKEN}`, "content-type": "application/json" },
      body: new Uint8Array([0x22, 0xff, 0x22]),
    });
    expect(response.status).toBe(400);
  });

  it("415 for a compressed body", async () => {
    const response = await service.ingest("{}", { "content-encoding": "gzip" });
    expect(response.status).toBe(415);
  });

  it("400 for a body that is no JSON", async () => {
    const response = await service.ingest("{");
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      code: "VALIDATION_FAILED",
      message: "The body is not valid JSON.",
    });
  });

  it.each([
    ["too many bytes", JSON.stringify(bar("A-B", 1, { venue: "x".repeat(4_000) }))],
    ["too many events", JSON.stringify(Array.from({ length: 6 }, (_, index) => bar("A-B", index)))],
  ])("413 for %s", async (_, body) => {
    const response = await service.ingest(body);
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ code: "VALIDATION_FAILED" });
  });

  it("413 for too many bytes whose number is not declared", async () => {
    const response = await fetch(`${service.origin}/api/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${INGEST_TOKEN}`, "content-type": "application/json" },
      body: new Blob([JSON.stringify(bar("A-B", 1, { venue: "x".repeat(4_000) }))]).stream(),
      // The types of fetch are those of browsers.
      ...{ duplex: "half" },
    });
    expect(response.status).toBe(413);
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "constructor"])("415 for %s", async (type) => {
    const response = await service.ingest("{}", { "content-type": type });
    expect(response.status).toBe(415);
    expect(await response.json()).toMatchObject({ code: "VALIDATION_FAILED" });
  });

  it("405 for another method", async () => {
    const response = await fetch(`${service.origin}/api/events`, {
      headers: { authorization: `Bearer ${INGEST_TOKEN}` },
    });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("POST");
  });

  it("429 with Retry-After above the rate limit, for that token alone", async () => {
    const limited = await startService({
      vars: { INGEST_TOKENS: `${INGEST_TOKEN} second-token` },
      ingestLimit: 3,
    });
    try {
      const statuses: number[] = [];
      let last: Response | undefined;
      // A window of the limiter may begin anew in between, once.
      for (let turn = 0; turn < 8 && last?.status !== 429; turn++) {
        last = await limited.ingest(JSON.stringify(bar("A-B", turn)));
        statuses.push(last.status);
      }
      expect(statuses).toContain(202);
      expect(last?.status).toBe(429);
      expect(last?.headers.get("retry-after")).toBe("10");
      expect(await last?.json()).toEqual({
        code: "RATE_LIMITED",
        message: expect.any(String),
        retryAfter: 10,
      });
      const other = await limited.ingest(JSON.stringify(bar("A-B", 1)), {
        authorization: "Bearer second-token",
      });
      expect(other.status).toBe(202);
    } finally {
      await limited.stop();
    }
  });
});

it("ERR-2 a broken configuration is named in the log; the client is told nothing of it", async () => {
  const broken = await startService({ vars: { PING_INTERVAL: "soon" } });
  try {
    const response = await fetch(`${broken.origin}/health`);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({
      code: "INTERNAL",
      message: "The service failed to answer. Try again.",
    });
    await expect.poll(() => broken.logs.join()).toContain("PING_INTERVAL");
    expect(broken.logs.join()).not.toContain("soon");
  } finally {
    await broken.stop();
  }
});

it.each([
  ["a public key that is none", { JWT_JWKS: "", JWT_PUBLIC_KEY: "garbage" }, "JWT_PUBLIC_KEY"],
  ["two key sources", { JWT_JWKS_URL: "https://keys.example/jwks.json" }, "JWT_JWKS_URL"],
  ["a secret algorithm", { JWT_ALGORITHMS: "HS256" }, "JWT_ALGORITHMS"],
])("AUTH-3 %s shows at /health and at the handshake, and in the log", async (_, vars, name) => {
  const broken = await startService({ vars });
  try {
    expect((await fetch(`${broken.origin}/health`)).status).toBe(500);
    expect(await new RawClient(engineUrl(broken.url)).refused).toMatchObject({ status: 500 });
    await expect.poll(() => broken.logs.join()).toContain(name);
  } finally {
    await broken.stop();
  }
});

it("answers 404 with the envelope elsewhere, and 200 at /health", async () => {
  const missing = await fetch(`${service.origin}/nowhere`);
  expect(missing.status).toBe(404);
  expect(await missing.json()).toEqual({ code: "NOT_FOUND", message: expect.any(String) });
  const health = await fetch(`${service.origin}/health`);
  expect(health.status).toBe(200);
  expect(await health.json()).toEqual({ status: "ok" });
});
