import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { parseEnv } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/lib/wrangler.ts";
import { TestClient } from "../support/client.ts";

interface Script {
  readonly process: ChildProcess;
  readonly lines: string[];
  /** Resolves when a line with `text` is printed, or with the exit code if it ends before. */
  line(text: string): Promise<string | number | null>;
}

const running: ChildProcess[] = [];

const npm = (...args: string[]): Script => {
  const child = spawn("npm", args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  running.push(child);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on("line", (line) => {
      lines.push(line);
      for (const wake of waiting) wake();
    });
  }
  const exited = once(child, "close").then(([code]) => code as number | null);
  return {
    process: child,
    lines,
    line: (text) =>
      Promise.race([
        exited,
        new Promise<string>((resolve) => {
          const look = () => {
            const found = lines.find((line) => line.includes(text));
            if (found === undefined) return;
            waiting.delete(look);
            resolve(found);
          };
          waiting.add(look);
          look();
        }),
      ]),
  };
};

const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
};

/** Ids of the processes below `pid`, itself included, that still run. */
const family = (pid: number): number[] => {
  const file = `/proc/${pid}/task/${pid}/children`;
  const children = existsSync(file)
    ? readFileSync(file, "utf8").trim().split(" ").filter(Boolean).map(Number)
    : [];
  return [pid, ...children.flatMap(family)];
};

/** Whether a process still runs; a zombie has ended, and only its new parent has not noticed. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

afterEach(() => {
  for (const child of running.splice(0)) if (child.exitCode === null) child.kill("SIGTERM");
});

describe("npm start", () => {
  it.each(["SIGINT", "SIGTERM"] as const)(
    "replays recorded trades to a stock client, and stops on %s leaving no process",
    async (signal) => {
      const port = await freePort();
      const script = npm("start", "--", "--port", String(port), "--speed", "20", "--symbols", "ETH-USD");
      expect(await script.line("ready at")).toContain(`ws://localhost:${port}`);
      expect((await fetch(`http://localhost:${port}/health`)).status).toBe(200);
      await script.line("REPLAY");
      await script.line("Stop with Ctrl-C");
      expect(script.lines.find((line) => line.startsWith('The application "demo" has'))).toContain(
        "10147 real trades of BTC-USDT (Binance, 2024-08-09), 301 1-second bars of them,",
      );
      const token = script.lines.find((line) => line.startsWith("ey"));
      const client = new TestClient(`ws://localhost:${port}`, token);
      await client.subscribe("market:ETH-USD");
      const bars = await client.all("market_chart_live_update", 10);
      for (const bar of bars) {
        expect(bar).toMatchObject({ symbol: "ETH-USD", venue: "replay" });
        expect(bar.timestamp % 1_000).toBe(0);
        expect(Math.abs(Date.now() - bar.timestamp)).toBeLessThan(10_000);
      }
      // The open bar is updated repeatedly (MKT-1).
      expect(new Set(bars.map(({ timestamp }) => timestamp)).size).toBeLessThan(bars.length);
      client.close();
      const pids = family(script.process.pid ?? 0);
      script.process.kill(signal);
      await once(script.process, "close");
      // The last of them may be dying still when npm has gone.
      await expect.poll(() => pids.filter(isAlive)).toEqual([]);
      await expect(fetch(`http://localhost:${port}/health`)).rejects.toThrow();
    },
  );
});

describe("npm run dev", () => {
  it("serves without the replay; its credentials are in .dev.vars, and npm run token makes more", async () => {
    const port = await freePort();
    const script = npm("run", "dev", "--", "--port", String(port));
    await script.line("Stop with Ctrl-C");
    expect(script.lines.some((line) => line.includes("REPLAY"))).toBe(false);
    expect(script.lines.join("\n")).toContain("396 synthetic transfers");
    const made = npm("run", "--silent", "token", "--", "user_script");
    await once(made.process, "close");
    const token = made.lines.find((line) => line.startsWith("ey"));
    const client = new TestClient(`ws://localhost:${port}`, token);
    expect(await client.next("connected")).toMatchObject({ userId: "user_script" });
    const vars = parseEnv(readFileSync(path.join(ROOT, ".dev.vars"), "utf8"));
    const response = await fetch(`http://localhost:${port}/api/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${vars.INGEST_TOKENS}`, "content-type": "application/json" },
      body: JSON.stringify({
        event: "activity_logged",
        userId: "user_script",
        data: { activityId: "a1", type: "test", message: "hello", timestamp: "2026-01-01T00:00:00Z" },
      }),
    });
    expect(await response.json()).toEqual({ accepted: 1, rejected: [] });
    expect(await client.next("activity_logged")).toMatchObject({ message: "hello" });
    client.close();
    script.process.kill("SIGTERM");
    await once(script.process, "close");
  });

  it("says so when the port is taken", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const script = npm("run", "dev", "--", "--port", String(port));
    const [code] = await once(script.process, "close");
    holder.close();
    expect(code).toBe(1);
    expect(script.lines.join("\n")).toContain(`Port ${port} is taken.`);
  });

  it.each([
    ["--port", "eighty"],
    ["--symbols", "DOGE-USD"],
    ["--speed", "0"],
    ["--nonsense", "1"],
  ])("explains %s %s", async (option, value) => {
    const script = npm("run", "dev", "--", option, value);
    const [code] = await once(script.process, "close");
    expect(code).toBe(1);
    expect(script.lines.join("\n")).toContain("Usage: npm start");
  });
});

it("AUTH-2 npm run api-key creates, lists and revokes keys", async () => {
  const run = async (...args: string[]): Promise<string> => {
    const script = npm("run", "--silent", "api-key", "--", ...args);
    await once(script.process, "close");
    return script.lines.filter((line) => !line.startsWith("npm warn")).join("\n");
  };
  const key = await run(
    "create",
    "--user",
    "user_cli",
    "--name",
    "test",
    "--expires",
    "1d",
    "--scopes",
    "read",
  );
  expect(key).toMatch(/^lcrt_[\w-]{43}$/);
  const listed = await run("list");
  expect(listed).toContain("user_cli");
  expect(listed).not.toContain(key);
  for (const [id] of listed.matchAll(/key_[\w-]{22}(?=.*user_cli)/g)) {
    expect(await run("revoke", id)).toContain("Revoked");
  }
  expect(await run("list")).not.toContain("user_cli");
  expect(await run("create", "--user", "no spaces")).toContain("--user names the user");
}, 60_000);
