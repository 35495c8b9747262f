import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

const INSTALL_TIMEOUT_MS = 240_000;

/** Whether a program runs without complaint. */
const succeeds = (command: string, args: readonly string[]): Promise<boolean> =>
  run(command, args).then(
    () => true,
    () => false,
  );

/**
 * Whether `check`, a command and its arguments, succeeds. Where it does not, installs Debian's packages, one test at a
 * time, if that can be done, and says loudly if it cannot: `what` is then not tested.
 */
export const installed = async (
  what: string,
  packages: readonly string[],
  [command, ...args]: readonly [string, ...string[]],
): Promise<boolean> => {
  if (await succeeds(command, args)) return true;
  const install = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(" ")}`;
  let reason = "Only root may install it.";
  if (process.getuid?.() === 0) {
    reason = await run("flock", ["/tmp/ledgercore-apt.lock", "sh", "-c", install], {
      timeout: INSTALL_TIMEOUT_MS,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    }).then(
      () => "It does not work after the installation.",
      (error: Error) => error.message,
    );
    if (await succeeds(command, args)) return true;
  }
  console.warn(`\nSKIPPED: ${what} is not there. Run: ${install}\n${reason}\n`);
  return false;
};
