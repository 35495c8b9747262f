import { parseArgs } from "node:util";
import { isUserId } from "../src/events/rooms.ts";
import { ensureDevCredentials } from "./lib/dev-credentials.ts";

const USAGE = "Usage: npm run --silent token -- <userId> [--expires 12h]";

/** Prints a JWT that the service of this checkout accepts. */
const main = async (): Promise<void> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { expires: { type: "string", default: "12h" } },
  });
  const [userId] = positionals;
  if (positionals.length !== 1 || !isUserId(userId)) throw new Error(USAGE);
  const { signToken } = await ensureDevCredentials();
  console.log(await signToken(userId, values.expires));
};

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
