import { parseArgs } from "node:util";
import { isApplicationId } from "../src/events/applications.ts";
import { isUserId } from "../src/events/rooms.ts";
import { ensureDevCredentials } from "./lib/dev-credentials.ts";

const USAGE = "Usage: npm run --silent token -- <userId> [--expires 12h] [--applications <a,b>]";

/** Prints a JWT that the service of this checkout accepts. */
const main = async (): Promise<void> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { expires: { type: "string", default: "12h" }, applications: { type: "string" } },
  });
  const [userId] = positionals;
  const applications = values.applications?.split(",");
  if (positionals.length !== 1 || !isUserId(userId)) throw new Error(USAGE);
  if (applications?.every(isApplicationId) === false) throw new Error(USAGE);
  const { signToken } = await ensureDevCredentials();
  console.log(await signToken(userId, values.expires, applications && { applications }));
};

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
