import { setTimeout } from "node:timers/promises";
import { type Campaign, engineQuery, PATHS } from "./attack.ts";
import { HostileSocket } from "./hostile-socket.ts";
import { flipped, type Random } from "./mutate.ts";

const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND", "SEARCH"] as const;
const TRANSPORTS = [
  "polling",
  "websocket",
  "webtransport",
  "__proto__",
  "",
  "polling&transport=websocket",
] as const;
const SIDS = [
  "x",
  "__proto__",
  "local-0.",
  `local-0.${"A".repeat(22)}`,
  `local-9.${"A".repeat(22)}`,
  `local-00.${"A".repeat(22)}`,
  `XYZ-0.${"A".repeat(22)}`,
  "%00",
  "%ff%fe",
  `${"A".repeat(4_000)}`,
] as const;
const HEADERS: readonly [Record<string, string>, ...Record<string, string>[]] = [
  {},
  {},
  { authorization: "Bearer x" },
  { authorization: "" },
  { upgrade: "websocket", connection: "upgrade" },
  { upgrade: "WEBSOCKET", connection: "Upgrade", "sec-websocket-key": "x", "sec-websocket-version": "13" },
  {
    "x-realtime-context":
      "%7B%22principal%22%3A%7B%22kind%22%3A%22jwt%22%2C%22userId%22%3A%22neighbour%22%7D%7D",
  },
  { "x-realtime-context": "%" },
  { origin: "null" },
  { origin: "https://é".replace("é", "%c3%a9"), cookie: "io=x" },
  { "content-type": "application/octet-stream" },
  { "content-encoding": "gzip" },
  { "transfer-encoding": "chunked" },
  { expect: "100-continue" },
  { "accept-encoding": "identity;q=0" },
];

/** A closed session's id, which stays known to attackers. */
const closedSession = async (
  { http }: Parameters<Campaign>[0],
  path: string,
): Promise<string | undefined> => {
  const { body } = await http.send(`${path}${engineQuery("polling")}`);
  if (!body.startsWith("0{")) return undefined;
  const { sid } = JSON.parse(body.slice(1)) as { sid: string };
  await http.send(`${path}${engineQuery("polling", `&sid=${sid}`)}`, { method: "POST", body: "1" });
  return sid;
};

const query = (random: Random, sid: string | undefined): string => {
  const chosen =
    sid !== undefined && random.chance(50) ? sid : random.chance(60) ? random.pick(SIDS) : undefined;
  const parts = [
    `EIO=${random.pick(["4", "4", "4", "3", "", "04", "4&EIO=3", "__proto__"])}`,
    `transport=${random.pick(TRANSPORTS)}`,
    ...(chosen === undefined ? [] : [`sid=${chosen}`]),
    ...(random.chance(20) ? [`t=${"x".repeat(random.int(500))}`, "b64=1", "j=0"] : []),
  ];
  if (random.chance(30)) parts.reverse();
  const text = `?${parts.join("&")}`;
  // Only what an HTTP client may write in a request line.
  return random.chance(20)
    ? Buffer.from(flipped(random, Buffer.from(text)))
        .toString("latin1")
        .replace(/[^!-~]/g, "%")
    : text;
};

/** Requests that are none, and what is said to sessions that are gone. */
export const attackByHttp: Campaign = async (attack, random) => {
  const { http, url, tally } = attack;
  const path = random.pick(PATHS);
  const sid = random.chance(50) ? await closedSession(attack, path) : undefined;
  for (let n = 1 + random.int(12); n > 0; n--) {
    tally.requests++;
    const method = random.pick(METHODS);
    const body =
      method === "POST" || method === "PUT" ? random.pick(["", "1", '40{"token":"x"}', "\x1e"]) : undefined;
    await http.send(
      `${random.pick([path, path, "/socket.io/x", "/ws//", "/", "/health"])}${query(random, sid)}`,
      {
        method,
        headers: random.pick(HEADERS),
        ...(body !== undefined && { body }),
        // A request that is upgraded, or waits for a body, has no answer to wait for.
        abortAfterMs: random.chance(30) ? random.int(10) : 100,
      },
    );
  }
  tally.requests++;
  const gone = sid ?? random.pick(SIDS);
  const socket = new HostileSocket(`${url}${path}${engineQuery("websocket", `&sid=${gone}`)}`);
  await Promise.race([socket.opened(), setTimeout(1_000)]);
  socket.send("2probe", "5", '42["ping"]');
  await Promise.race([socket.closed(), setTimeout(100)]);
  socket.terminate();
};
