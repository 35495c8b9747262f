import { spawnSync } from "node:child_process";

/** Everything that can be checked without running the service; `npm test` does this first. */
const STEPS: readonly (readonly [what: string, command: string, ...args: string[]])[] = [
  ["format and lint", "biome", "ci", "."],
  ["import boundaries", "node", "scripts/boundaries.ts"],
  [
    "binding types",
    "wrangler",
    "types",
    "--check",
    ...["src/worker-configuration.d.ts", "--include-runtime=false"],
    "--env-file=.dev.vars.example",
  ],
  ["types of src", "tsc", "-p", "."],
  ["types of publisher", "tsc", "--noEmit", "-p", "publisher"],
  ["types of examples/redis-bridge", "tsc", "-p", "examples/redis-bridge"],
  ["types of examples/upstream", "tsc", "-p", "examples/upstream"],
  ["types of test, scripts and bench", "tsc", "-p", "test"],
  ["types of test/workerd", "tsc", "-p", "test/workerd"],
  ["types of test/conformance/worker", "tsc", "-p", "test/conformance/worker"],
  ["events reference", "node", "scripts/events-doc.ts", "--check"],
  ["rules and their tests", "node", "scripts/spec-tests.ts", "--check"],
];

let failed = 0;
for (const [what, command, ...args] of STEPS) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  console.log(`${status === 0 ? "ok  " : "FAIL"} ${what}`);
  if (status === 0) continue;
  failed++;
  console.log(`${stdout}${stderr}`);
}
if (failed > 0) process.exitCode = 1;
