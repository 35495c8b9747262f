import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";

export const ROOT = path.resolve(import.meta.dirname, "../..");

/**
 * Runs this checkout's wrangler and returns what it prints.
 * @throws Error with `failure` and what wrangler said, when it exits with an error.
 */
export const runWrangler = async (args: readonly string[], failure: string): Promise<string> => {
  const wrangler = path.join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  try {
    return (await promisify(execFile)(process.execPath, [wrangler, ...args], { cwd: ROOT })).stdout;
  } catch (error) {
    // execFile's error holds what the command said.
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${failure}\n${stdout ?? ""}${stderr ?? ""}`);
  }
};
