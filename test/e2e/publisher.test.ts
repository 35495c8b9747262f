import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type Fetch,
  type Publication,
  Publisher,
  type PublisherOptions,
  type Retry,
} from "../../publisher/index.ts";
import type { TestClient } from "../support/client.ts";
import { INGEST_TOKEN, type Service, startService } from "../support/service.ts";

const run = promisify(execFile);

const ROOT = path.resolve(import.meta.dirname, "../..");

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

const credit = (userId: string, amount: number): Publication<"credits_granted"> => ({
  event: "credits_granted",
  userId,
  data: { amount, newBalance: amount, reason: "test", transactionId: `t${amount}`, timestamp: amount },
});

const bar = (symbol: string, timestamp: number): Publication<"market_chart_live_update"> => ({
  event: "market_chart_live_update",
  data: { symbol, open: 1, high: 2, low: 0.5, close: 1.5, volume: 10, timestamp },
});

const publisherFor = ({ origin }: Service, options: Partial<PublisherOptions> = {}): Publisher =>
  new Publisher({ url: origin, token: INGEST_TOKEN, ...options });

const amounts = (client: TestClient): number[] =>
  client.payloads("credits_granted").map(({ amount }) => amount);

const code = (value: string) => expect.objectContaining({ name: "PublishError", code: value });

describe("the publisher and the service", () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService({ vars: { INGEST_MAX_EVENTS: "5", INGEST_MAX_BYTES: "2000" } });
  });
  afterAll(() => service.stop());

  it("ING-1 publishes to users, to one of their sockets and to markets", async () => {
    await using publisher = publisherFor(service);
    const [one, two] = [await service.connect("user_sdk"), await service.connect("user_sdk")];
    await one.subscribe("market:BTC-USD");
    const { id: socketId = "" } = one.socket;
    await publisher.publish(credit("user_sdk", 1));
    const { event, data } = credit("user_sdk", 2);
    await publisher.publish({ event, userId: "user_sdk", socketId, data });
    await publisher.publish({ event: "credits_granted", room: "user:user_sdk", data: credit("", 3).data });
    await publisher.publish(bar("BTC-USD", 1));
    await one.next("market_chart_live_update");
    for (const client of [one, two]) await client.next("credits_granted", ({ amount }) => amount === 3);
    expect([amounts(one), amounts(two)]).toEqual([
      [1, 2, 3],
      [1, 3],
    ]);
  });

  it("ING-2 splits what is too large, in order, and refuses an event that is too large alone", async () => {
    await using publisher = publisherFor(service);
    const client = await service.connect("user_split");
    const large = {
      ...credit("user_split", 5),
      data: { ...credit("user_split", 5).data, reason: "x".repeat(2_000) },
    };
    const outcomes = await Promise.allSettled(
      range(1, 23).map((number) => publisher.publish(number === 5 ? large : credit("user_split", number))),
    );
    expect(outcomes.flatMap(({ status }, index) => (status === "rejected" ? [index + 1] : []))).toEqual([5]);
    expect(outcomes[4]).toMatchObject({ reason: code("TOO_LARGE") });
    await client.all("credits_granted", 22);
    expect(amounts(client)).toEqual(range(1, 23).filter((number) => number !== 5));
  });

  it("ING-2 each event is refused for its own fault", async () => {
    await using publisher = publisherFor(service);
    const wrong = [
      [{ event: "no_such_event", userId: "u", data: {} }, "NOT_FOUND"],
      [{ ...credit("u", 1), data: { amount: 1 } }, "VALIDATION_FAILED"],
      [{ ...credit("u", 1), userID: "u" }, "VALIDATION_FAILED"],
    ] as const;
    const good = publisher.publish(credit("u", 2));
    for (const [publication, expected] of wrong) {
      const published = publisher.publish(publication as unknown as Publication);
      await expect(published).rejects.toEqual(code(expected));
    }
    await good;
  });

  it.each([
    ["a wrong token", "", "wrong", "UNAUTHORIZED"],
    ["a wrong address", "/nowhere", INGEST_TOKEN, "BAD_ADDRESS"],
  ])("ING-2 %s is told at once", async (_, wrongPath, token, expected) => {
    await using publisher = new Publisher({ url: `${service.origin}${wrongPath}`, token });
    await expect(publisher.publish(credit("u", 1))).rejects.toEqual(code(expected));
  });

  it("ING-2 waits as long as the rate limit asks for", async () => {
    const limited = await startService({ ingestLimit: 1 });
    const { promise: retry, resolve: onRetry } = Promise.withResolvers<Retry>();
    // More requests than windows of the limiter may begin meanwhile.
    const publisher = publisherFor(limited, { onRetry, maxBatchEvents: 1 });
    const published = Promise.allSettled(range(1, 8).map((number) => publisher.publish(credit("u", number))));
    try {
      const { error, delayMs } = await retry;
      expect(error).toMatchObject({ code: "RATE_LIMITED", status: 429 });
      expect(delayMs).toBeGreaterThanOrEqual(10_000);
    } finally {
      await publisher.close({ timeoutMs: 0 });
      await published;
      await limited.stop();
    }
  });
});

it("ING-3 USER-2 1,000 events are accepted and seen once each and in order, though answers are lost and the service is killed", async () => {
  const persist = await mkdtemp(path.join(tmpdir(), "ledgercore-publisher-"));
  let service = await startService({ persist });
  const port = Number(new URL(service.origin).port);
  const reconnect = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
  const client = await service.connect("user_stays", { socket: reconnect });
  let requests = 0;
  let revived: Promise<void> | undefined;
  const revive = async (): Promise<void> => {
    service = await startService({ persist, port });
  };
  // The service has accepted all that is in a request whose answer is lost.
  const losingFetch: Fetch = async (url, init) => {
    const response = await fetch(url, init);
    requests++;
    if (requests % 30 === 0) {
      await service.crash();
      revived = revive();
    }
    if (requests % 10 === 0) throw new Error("The answer was lost.");
    return response;
  };
  const publisher = publisherFor(service, { maxBatchEvents: 10, fetch: losingFetch });
  try {
    await Promise.all(range(1, 1_000).map((number) => publisher.publish(credit("user_stays", number))));
    await revived;
    await client.all("credits_granted", 1_000);
    await client.settled();
    expect(requests).toBeGreaterThan(100);
    expect(amounts(client)).toEqual(range(1, 1_000));
    expect(client.socket.recovered).toBe(true);
    expect(client.payloads("disconnect").length).toBeGreaterThanOrEqual(3);
  } finally {
    client.close();
    await publisher.close({ timeoutMs: 0 });
    await revived;
    await service.stop();
    await rm(persist, { recursive: true });
  }
}, 60_000);

describe("the package, as a project has it that depends on it", () => {
  const NODES = [process.execPath, "/usr/bin/node"].filter((node) => existsSync(node));

  const SCRIPT = `
import { closeOnSignal, PublishError, Publisher } from "ledgercore-realtime/publisher";
const [url, token, mode] = process.argv.slice(2);
const publisher = new Publisher({ url, token, lingerMs: mode === "signal" ? 1e9 : 5 });
closeOnSignal(publisher);
for (let amount = 1; amount <= 3; amount++) {
  const data = { amount, newBalance: amount, reason: "test", transactionId: "t" + amount, timestamp: amount };
  void publisher.publish({ event: "credits_granted", userId: "user_package", data });
}
if (!(new PublishError("CLOSED", "") instanceof Error)) throw new Error("no error");
console.log("published");
`;

  const CONSUMER = `
import { type Publication, Publisher } from "ledgercore-realtime/publisher";
await using publisher = new Publisher({ url: "https://realtime.example.com", token: "t" });
const data = { amount: 1, newBalance: 1, reason: "r", transactionId: "t", timestamp: 1 };
const granted: Publication<"credits_granted"> = { event: "credits_granted", userId: "u", data };
await publisher.publish(granted);
// @ts-expect-error
await publisher.publish({ event: "credits_granted", userId: "u", data: { amount: 1 } });
`;

  let folder: string;
  let service: Service;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "ledgercore-package-"));
    const installed = path.join(folder, "node_modules/ledgercore-realtime");
    await run("tsc", [
      "-p",
      path.join(ROOT, "publisher"),
      "--outDir",
      path.join(installed, "dist/publisher"),
    ]);
    await copyFile(path.join(ROOT, "package.json"), path.join(installed, "package.json"));
    await writeFile(path.join(folder, "package.json"), '{"type":"module"}');
    await writeFile(path.join(folder, "publish.js"), SCRIPT);
    await writeFile(path.join(folder, "consumer.ts"), CONSUMER);
    service = await startService();
  });
  afterAll(async () => {
    await service.stop();
    await rm(folder, { recursive: true });
  });

  it.each(NODES)("%s: publishes what waits before the process ends by itself", async (node) => {
    const client = await service.connect("user_package");
    await run(node, ["publish.js", service.origin, INGEST_TOKEN], { cwd: folder });
    await client.all("credits_granted", 3);
    expect(amounts(client)).toEqual([1, 2, 3]);
    client.close();
  });

  it.each(NODES)("%s: publishes what waits before it ends by a signal", async (node) => {
    const client = await service.connect("user_package");
    const script = spawn(node, ["publish.js", service.origin, INGEST_TOKEN, "signal"], { cwd: folder });
    const ended = new Promise((resolve) => script.once("exit", (_, signal) => resolve(signal)));
    createInterface(script.stdout).once("line", () => script.kill("SIGTERM"));
    expect(await ended).toBe("SIGTERM");
    await client.all("credits_granted", 3);
    expect(amounts(client)).toEqual([1, 2, 3]);
    client.close();
  });

  it.each([
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ])("has types for a strict project (%s)", async (module, moduleResolution) => {
    const flags = { module, moduleResolution, target: "es2022", lib: "es2022,dom", skipLibCheck: "false" };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
    await run("tsc", ["--noEmit", "--strict", ...args, "consumer.ts"], { cwd: folder });
  });
});
