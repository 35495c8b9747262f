import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/**
 * `npm test`: all checks, then all tests. Arguments go to vitest, such as `-- --project unit`.
 * The last line counts both: `N passed, N failed`.
 */
const folder = mkdtempSync(path.join(tmpdir(), "ledgercore-test-"));
const report = path.join(folder, "report.json");
const run = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: "inherit", shell: process.platform === "win32" }).status === 0;

const checked = run("node", "scripts/check.ts");
const tested = run(
  "vitest",
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
);

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
}

/** Without a report vitest itself failed, which its exit code says. */
const readReport = (): Report => {
  try {
    return JSON.parse(readFileSync(report, "utf8")) as Report;
  } catch {
    return { numPassedTests: 0, numFailedTests: 0 };
  }
};

const { numPassedTests, numFailedTests } = readReport();
rmSync(folder, { recursive: true });
// A file that could not be loaded, or an error outside any test, fails the run without a failed test.
const failedRun = !tested && numFailedTests === 0 ? 1 : 0;
const failed = numFailedTests + failedRun + (checked ? 0 : 1);
console.log(`\n${numPassedTests + (checked ? 1 : 0)} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
