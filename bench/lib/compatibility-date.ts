import { readFile } from "node:fs/promises";
import path from "node:path";
import { ROOT } from "../../scripts/lib/wrangler.ts";

/** The one the service is deployed with. */
export const compatibilityDate = async (): Promise<string> => {
  const toml = await readFile(path.join(ROOT, "wrangler.toml"), "utf8");
  const date = /^compatibility_date = "([\d-]+)"$/m.exec(toml)?.[1];
  if (date === undefined) throw new Error("wrangler.toml names no compatibility date.");
  return date;
};
