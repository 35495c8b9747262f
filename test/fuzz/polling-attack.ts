import { setTimeout } from "node:timers/promises";
import type { Attack, Campaign } from "./attack.ts";
import { FORM, HostilePolling } from "./hostile-polling.ts";
import { HostileSocket } from "./hostile-socket.ts";
import {
  badCredentials,
  brokenPayload,
  type Frame,
  type Hostile,
  MAX_PAYLOAD,
  payloadOf,
  type Random,
  refusedConnect,
  rough,
  survivable,
  valid,
} from "./mutate.ts";

/** Sessions that say little, and soon end in some other way. */
const SHORT_PERCENT = 50;
const MAX_PAYLOADS = 8;
const MAX_PACKETS = 300;
const MAX_SHORT_PACKETS = 5;
/** Of the payloads, those that hold a packet likely to end the session, and those that are damaged as a whole. */
const ROUGH_PERCENT = 6;
const BROKEN_PERCENT = 4;
/** A polling session with payloads of many packets, that may try to upgrade, and ends in some improper way. */
export const attackByPolling: Campaign = async (attack, random) => {
  const token = random.pick(attack.tokens);
  const byHeader = random.chance(10);
  const headers: Record<string, string> = byHeader ? { authorization: `Bearer ${token}` } : {};
  const session = await HostilePolling.open(attack, random, headers);
  if (random.chance(10)) {
    await stayOutside(attack, random, session, token);
  } else {
    const auth = byHeader ? "" : JSON.stringify({ token });
    const nsp = random.pick(["/", "/", "/ws"]);
    await session.connect(nsp, `40${nsp === "/" ? "" : `${nsp},`}${auth}`);
    const [payloads, packets] = random.chance(SHORT_PERCENT)
      ? [1, MAX_SHORT_PACKETS]
      : [MAX_PAYLOADS, MAX_PACKETS];
    for (let n = 1 + random.int(payloads); n > 0 && session.model.outcome === "open"; n--) {
      if (!(await payload(attack, random, session, 1 + random.int(packets)))) return;
    }
  }
  if (session.model.outcome !== "open") return;
  if (random.chance(25)) await upgrade(attack, random, session);
  else await leave(attack, random, session);
};

const stayOutside = async (
  attack: Attack,
  random: Random,
  session: HostilePolling,
  token: string,
): Promise<void> => {
  const packets = Array.from({ length: random.int(9) }, () =>
    random.chance(30) ? random.pick(["6", "5x", "3probe"]) : refusedConnect(random),
  );
  attack.tally.posted += packets.length;
  if (!(await session.survives(packets))) return;
  attack.tally.posted++;
  await session.connect("/", badCredentials(random, "/", token));
};

/** Sends one payload; false when that was the session's end. */
const payload = async (
  { tally }: Attack,
  random: Random,
  session: HostilePolling,
  count: number,
): Promise<boolean> => {
  const [nsp = "/"] = session.model.connected;
  const frames: Frame[] = [];
  const roughAt = random.chance(ROUGH_PERCENT) ? random.int(count) : -1;
  let size = 0;
  for (let n = 0; n < count; n++) {
    const packet = hostile(random, nsp, n === roughAt);
    size += payloadOf(packet).byteLength + 1;
    // Only on purpose is a payload over the limit.
    if (size > MAX_PAYLOAD - 100 && n !== roughAt) break;
    frames.push(...packet);
    tally.posted++;
    // What follows the end of a session is ignored, which needs few packets to show.
    if (n === roughAt && random.chance(80)) break;
  }
  if (!random.chance(BROKEN_PERCENT)) return session.survives(frames);
  const body = brokenPayload(random, payloadOf(frames));
  const outcome = session.model.receivePayload(body);
  await session.post(body, { alone: body.byteLength > MAX_PAYLOAD });
  return outcome === "open" ? session.survives([]) : session.ends();
};

const hostile = (random: Random, nsp: string, isRough: boolean): Hostile => {
  if (isRough) return rough(random, nsp);
  return random.chance(3) ? [valid(random, nsp)] : survivable(random, nsp);
};

/** Ends a session as no stock client would, or not at all: then it times out. */
const leave = async ({ tally }: Attack, random: Random, session: HostilePolling): Promise<void> => {
  tally.requests += 2;
  switch (random.int(8)) {
    case 0:
      await Promise.all([session.get(), session.get(), session.get()]);
      return;
    case 1:
      await Promise.all([session.post('42["ping"]'), session.post('42["ping"]'), session.post("6")]);
      break;
    case 2:
      await session.get({ abortAfterMs: 5 });
      return;
    case 3:
      // A body that is announced, and never comes.
      await session.post('42["pi', {
        headers: { ...FORM, "content-length": "5000" },
        abortAfterMs: 5 + random.int(20),
      });
      break;
    case 4:
      await session.post("x".repeat(MAX_PAYLOAD + 1), { alone: true });
      break;
    case 5:
      await session.post('42["ping"]', { headers: { "content-type": "application/octet-stream" } });
      break;
    case 6: {
      const waiting = session.get();
      await session.post("1\x1e6\x1e42[]");
      await waiting;
      break;
    }
    default:
      // Gone without a word.
      return;
  }
  await session.post("1");
  await session.get();
};

/** Tries WebSockets for a polling session, with packets in a wrong order or of a wrong kind. */
const upgrade = async ({ tally }: Attack, random: Random, session: HostilePolling): Promise<void> => {
  const sockets = Array.from({ length: random.pick([1, 1, 2]) }, () => new HostileSocket(session.upgradeUrl));
  const waiting = random.chance(50) ? session.get() : undefined;
  // Nothing is said on a WebSocket whose session has an upgrade under way: it may be open or closed by now.
  await Promise.race([Promise.all(sockets.map((socket) => socket.opened())), setTimeout(1_000)]);
  for (let n = 1 + random.int(4); n > 0; n--) {
    tally.frames++;
    const socket = random.pick(sockets as [HostileSocket, ...HostileSocket[]]);
    if (random.chance(70))
      socket.send(random.pick(["2probe", "2probe", "5", "2", "3", "3probe", "6", '42["ping"]', "1"]));
    else socket.send(...rough(random, "/"));
    if (random.chance(30)) await session.post(random.pick(["5", "3probe", "2probe", '42["ping"]', "6"]));
  }
  const socket = sockets[0];
  if (socket !== undefined && random.chance(50)) {
    // Whichever way it went, the session is on one transport now and goes on there, or has ended.
    socket.send("2probe");
    socket.send("5");
    socket.send('42["ping"]');
    await Promise.race([socket.answer("3probe", "42"), setTimeout(200)]);
  }
  await session.post("1");
  for (const each of sockets) each.terminate();
  await waiting;
};
