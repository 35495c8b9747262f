import { readFile } from "node:fs/promises";
import path from "node:path";
import { ROOT } from "../../scripts/lib/wrangler.ts";

export interface Compatibility {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
}

/** What the service is deployed with. */
export const compatibility = async (): Promise<Compatibility> => {
  const toml = await readFile(path.join(ROOT, "wrangler.toml"), "utf8");
  const date = /^compatibility_date = "([\d-]+)"$/m.exec(toml)?.[1];
  const flags = /^compatibility_flags = (\[.*\])$/m.exec(toml)?.[1];
  if (date === undefined || flags === undefined) throw new Error("wrangler.toml names no compatibility.");
  return { compatibilityDate: date, compatibilityFlags: JSON.parse(flags) };
};
