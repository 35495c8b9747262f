import { globSync, readFileSync } from "node:fs";
import path from "node:path";

/** Imports point inward (docs/architecture.md): which folders of src/ a folder may import, besides itself. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  engineio: ["lib"],
  socketio: ["engineio", "lib"],
  events: ["lib"],
  auth: ["events", "lib"],
  rooms: ["events", "socketio", "lib"],
  ingest: ["events", "rooms", "socketio", "lib"],
  backends: ["events", "rooms", "socketio", "lib"],
  gateway: ["auth", "backends", "engineio", "events", "rooms", "socketio", "lib"],
  http: ["auth", "backends", "engineio", "events", "gateway", "ingest", "rooms", "lib"],
};

/** Packages that only some files may import. */
const PACKAGES: readonly { readonly name: RegExp; readonly allowed: RegExp; readonly why: string }[] = [
  {
    name: /^cloudflare:/,
    allowed: /(-do|-entrypoint|^index)\.ts$/,
    why: "only *-do.ts, *-entrypoint.ts and index.ts know the platform's classes",
  },
  { name: /^hono/, allowed: /^http\//, why: "only http/ knows Hono" },
  { name: /^jose/, allowed: /^auth\//, why: "only auth/ knows jose" },
];

const IMPORT = /^\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)|^\s*import\s+"([^"]+)"/gms;

/** What one file imports that it may not. */
export const violations = (file: string, source: string): string[] => {
  const folder = file.includes("/") ? (file.split("/")[0] ?? "") : "";
  const found: string[] = [];
  for (const match of source.matchAll(IMPORT)) {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    if (!specifier.startsWith(".")) {
      const rule = PACKAGES.find(({ name }) => name.test(specifier));
      if (rule && !rule.allowed.test(file)) found.push(`${file} imports ${specifier}: ${rule.why}`);
      continue;
    }
    const target = path.posix.join(path.posix.dirname(file), specifier);
    const targetFolder = target.includes("/") ? (target.split("/")[0] ?? "") : "";
    // index.ts wires everything; env.ts belongs to the shells and http/.
    if (folder === "" || targetFolder === folder) continue;
    if (target === "env.ts" && (/-(do|entrypoint)\.ts$/.test(file) || folder === "http")) continue;
    if (!(ALLOWED[folder] ?? []).includes(targetFolder)) {
      found.push(
        `${file} imports ${target}: ${folder}/ may import ${(ALLOWED[folder] ?? []).join(", ") || "nothing"}`,
      );
    }
  }
  return found;
};

if (import.meta.main) {
  const src = path.resolve(import.meta.dirname, "../src");
  const found = globSync("**/*.ts", { cwd: src }).flatMap((file) =>
    violations(file.replaceAll("\\", "/"), readFileSync(path.join(src, file), "utf8")),
  );
  for (const violation of found) console.error(violation);
  if (found.length > 0) process.exitCode = 1;
}
