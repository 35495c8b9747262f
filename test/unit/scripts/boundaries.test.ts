import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { violations } from "../../../scripts/boundaries.ts";

it.each([
  ["lib/a.ts", 'import { b } from "./b.ts";'],
  ["engineio/a.ts", 'import type { Clock } from "../lib/clock.ts";'],
  ["gateway/a.ts", 'import { x } from "../rooms/x.ts";\nimport * as z from "zod";'],
  ["index.ts", 'import { x } from "./http/app.ts";\nexport { G } from "cloudflare:workers";'],
  ["rooms/room-do.ts", 'import { DurableObject } from "cloudflare:workers";\nimport { e } from "../env.ts";'],
  [
    "ingest/ingest-entrypoint.ts",
    'import { WorkerEntrypoint } from "cloudflare:workers";\nimport { e } from "../env.ts";',
  ],
  ["http/app.ts", 'import { Hono } from "hono";\nimport { e } from "../env.ts";'],
  ["auth/jwt.ts", 'import { jwtVerify } from "jose";'],
  ["http/app.ts", 'import "../lib/a.ts";\nimport "hono";'],
])("%s may say %s", (file, source) => {
  expect(violations(file, source)).toEqual([]);
});

it.each([
  [
    "lib/a.ts",
    'import { b } from "../events/b.ts";',
    "lib/a.ts imports events/b.ts: lib/ may import nothing",
  ],
  [
    "engineio/a.ts",
    'import {\n  type B,\n  b,\n} from "../socketio/b.ts";',
    "engineio/a.ts imports socketio/b.ts: engineio/ may import lib",
  ],
  [
    "auth/a.ts",
    'export * from "../gateway/b.ts";',
    "auth/a.ts imports gateway/b.ts: auth/ may import events, lib",
  ],
  [
    "lib/a.ts",
    'const b = await import("../auth/b.ts");',
    "lib/a.ts imports auth/b.ts: lib/ may import nothing",
  ],
  ["lib/a.ts", 'import { e } from "../env.ts";', "lib/a.ts imports env.ts: lib/ may import nothing"],
  [
    "rooms/room.ts",
    'import { DurableObject } from "cloudflare:workers";',
    "rooms/room.ts imports cloudflare:workers: only *-do.ts, *-entrypoint.ts and index.ts know the platform's classes",
  ],
  [
    "gateway/a.ts",
    'import { cors } from "hono/cors";',
    "gateway/a.ts imports hono/cors: only http/ knows Hono",
  ],
  ["http/a.ts", 'import { jwtVerify } from "jose";', "http/a.ts imports jose: only auth/ knows jose"],
  [
    "lib/a.ts",
    'import { c } from "./c.ts";\nimport "../auth/b.ts";\nimport "./d.ts";',
    "lib/a.ts imports auth/b.ts: lib/ may import nothing",
  ],
  [
    "ingest/queue.ts",
    'import { e } from "../env.ts";',
    "ingest/queue.ts imports env.ts: ingest/ may import events, rooms, socketio, lib",
  ],
  ["rooms/a.ts", 'import "jose";', "rooms/a.ts imports jose: only auth/ knows jose"],
])("%s may not say %s", (file, source, violation) => {
  expect(violations(file, source)).toEqual([violation]);
});

it("src/ keeps its boundaries", () => {
  const src = path.resolve(import.meta.dirname, "../../../src");
  const files = globSync("**/*.ts", { cwd: src });
  expect(files.length).toBeGreaterThan(50);
  expect(files.flatMap((file) => violations(file, readFileSync(path.join(src, file), "utf8")))).toEqual([]);
});
