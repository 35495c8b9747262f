/**
 * Builds the SDK when the package is installed. JavaScript, because Node 20 may run it. Without the
 * development dependencies there is no compiler, and nothing here that could run the SDK either.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));

if (existsSync(tsc)) {
  const project = fileURLToPath(new URL(".", import.meta.url));
  process.exitCode = spawnSync(process.execPath, [tsc, "-p", project], { stdio: "inherit" }).status ?? 1;
} else {
  console.warn("ledgercore-realtime/publisher is not built: TypeScript is not installed.");
}
