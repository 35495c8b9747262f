import { parseArgs } from "node:util";
import { type ApiKeyRecord, apiKeyName, apiKeyRecord, createApiKey } from "../src/auth/api-keys.ts";
import { isApplicationId } from "../src/events/applications.ts";
import { isUserId } from "../src/events/rooms.ts";
import { runWrangler } from "./lib/wrangler.ts";

const USAGE = `Usage: npm run --silent api-key -- <command> [--remote]

  create --user <userId> [--name <text>] [--expires <n>d] [--scopes <a,b>]
         [--application <id>]
                   prints a new key, once: only its hash is stored
  list             the keys there are
  revoke <id>      a location that has just used the key may accept it for another minute

  --remote         the deployed service's keys instead of this checkout's`;

const DAY_MS = 86_400_000;

/** The store, reached through wrangler, which knows the namespace and the account. */
const keyStore = (command: string, args: readonly string[], remote: boolean): Promise<string> =>
  runWrangler(
    ["kv", "key", command, ...args, "--binding", "API_KEYS", remote ? "--remote" : "--local"],
    "The key store could not be reached.",
  );

interface StoredKey {
  /** `key:<hash>`. */
  readonly name: string;
  readonly record: ApiKeyRecord;
}

/** Every key. The record is kept as the entry's metadata too, so that one listing shows all. */
const storedKeys = async (remote: boolean): Promise<StoredKey[]> => {
  const entries = JSON.parse(await keyStore("list", ["--prefix", "key:"], remote)) as {
    name: string;
    metadata?: unknown;
  }[];
  return entries.flatMap(({ name, metadata }) => {
    const record = apiKeyRecord.safeParse(metadata);
    return record.success ? [{ name, record: record.data }] : [];
  });
};

const create = async (values: Options): Promise<void> => {
  const { user, name = "", expires, scopes = "", application, remote } = values;
  if (!isUserId(user)) throw new Error("--user names the user the key acts for.");
  if (application !== undefined && !isApplicationId(application))
    throw new Error("--application is the id of an application, such as demo.");
  const days = expires === undefined ? undefined : /^(\d{1,5})d$/.exec(expires)?.[1];
  if (expires !== undefined && days === undefined)
    throw new Error("--expires is a number of days, such as 90d.");
  const { key, id } = createApiKey();
  const now = Date.now();
  const record = apiKeyRecord.parse({
    id,
    userId: user,
    name,
    scopes: scopes.split(",").filter((scope) => scope !== ""),
    ...(application !== undefined && { applications: [application] }),
    createdAt: now,
    expiresAt: days === undefined ? null : now + Number(days) * DAY_MS,
  });
  const json = JSON.stringify(record);
  await keyStore("put", [await apiKeyName(key), json, "--metadata", json], remote);
  console.log(key);
};

const list = async (remote: boolean): Promise<void> => {
  const keys = await storedKeys(remote);
  const date = (time: number | null) => (time === null ? "never" : new Date(time).toISOString());
  console.table(
    keys.map(({ record: { id, userId, name, scopes, applications, createdAt, expiresAt } }) => ({
      id,
      user: userId,
      name,
      scopes: scopes.join(","),
      applications: applications?.join(",") ?? "",
      created: date(createdAt),
      expires: date(expiresAt),
    })),
  );
};

const revoke = async (id: string | undefined, remote: boolean): Promise<void> => {
  const found = (await storedKeys(remote)).find(({ record }) => record.id === id);
  if (found === undefined)
    throw new Error("There is no key of that id. See: npm run --silent api-key -- list");
  await keyStore("delete", [found.name], remote);
  console.log(`Revoked ${found.record.id} of ${found.record.userId}.`);
};

const parse = () =>
  parseArgs({
    allowPositionals: true,
    options: {
      user: { type: "string" },
      name: { type: "string" },
      expires: { type: "string" },
      scopes: { type: "string" },
      application: { type: "string" },
      remote: { type: "boolean", default: false },
    },
  });

type Options = ReturnType<typeof parse>["values"];

const main = async (): Promise<void> => {
  const { positionals, values } = parse();
  const [command, argument] = positionals;
  switch (command) {
    case "create":
      return create(values);
    case "list":
      return list(values.remote);
    case "revoke":
      return revoke(argument, values.remote);
    default:
      throw new Error(USAGE);
  }
};

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
