import { type Attack, type Campaign, engineQuery, PATHS } from "./attack.ts";
import { HostileSocket } from "./hostile-socket.ts";
import {
  badCredentials,
  type Hostile,
  type Random,
  refusedConnect,
  rough,
  survivable,
  valid,
} from "./mutate.ts";
import { SessionModel } from "./session-model.ts";

/** Of the packets of an authenticated session, those likely to end it. */
const ROUGH_PERCENT = 2;
/** Sessions that say little: what is left behind is left by sessions, not by packets. */
const SHORT_PERCENT = 40;
const MAX_BURSTS = 12;
const MAX_BURST = 100;
const MAX_SHORT_BURST = 5;

/** What a server may say when it closes a session that deserves it. */
const DESERVED = [1000, 1002, 1009];

/** A session on a WebSocket, mostly authenticated. */
export const attackByWebSocket: Campaign = async (attack, random) => {
  const { url, tokens, tally } = attack;
  tally.sessions++;
  const token = random.pick(tokens);
  const byHeader = random.chance(10);
  const headers: Record<string, string> = byHeader ? { authorization: `Bearer ${token}` } : {};
  const socket = new HostileSocket(`${url}${random.pick(PATHS)}${engineQuery("websocket")}`, headers);
  try {
    if ((await socket.answer("0{")) === undefined) throw new Error(`Refused: ${socket.closeCode}`);
    const model = new SessionModel();
    if (random.chance(85)) await knock(attack, random, socket, model, byHeader ? undefined : token);
    else await stayOutside(attack, random, socket, model, token);
    if (model.outcome === "open") await bursts(attack, random, socket, model);
  } finally {
    // The platform keeps the connection of a client that waits for its end.
    socket.terminate();
  }
};

/** Connects to one or both namespaces. */
const knock = async (
  { tally }: Attack,
  random: Random,
  socket: HostileSocket,
  model: SessionModel,
  token: string | undefined,
): Promise<void> => {
  const auth = token === undefined ? "" : JSON.stringify({ token });
  for (const nsp of random.pick([["/"], ["/"], ["/ws"], ["/", "/ws"]])) {
    if (token !== undefined && random.chance(10)) {
      tally.frames++;
      await connect(socket, model, nsp, badCredentials(random, nsp, token));
    }
    if (!model.connected.has(nsp))
      await connect(socket, model, nsp, `40${nsp === "/" ? "" : `${nsp},`}${auth}`);
    if (model.outcome !== "open") return;
  }
};

const connect = async (
  socket: HostileSocket,
  model: SessionModel,
  nsp: string,
  packet: string,
): Promise<void> => {
  const tail = nsp === "/" ? "{" : `${nsp},`;
  if (model.receive(packet) === "unclear") {
    const answered = socket.answer(`40${tail}`, `44${tail}`);
    socket.send(packet);
    const answer = await answered;
    if (answer?.startsWith("40")) model.accepted(nsp);
    else if (answer?.startsWith("44")) model.refused();
  } else {
    socket.send(packet);
    await punished(socket);
  }
};

/** Sends what a session may send that is nobody yet: refused CONNECTs, and packets that mean nothing. */
const stayOutside = async (
  { tally }: Attack,
  random: Random,
  socket: HostileSocket,
  model: SessionModel,
  token: string,
): Promise<void> => {
  for (let n = random.int(12); n > 0 && model.outcome === "open"; n--) {
    tally.frames++;
    if (random.chance(50)) await connect(socket, model, "/", badCredentials(random, "/", token));
    else {
      const packet = random.chance(70) ? refusedConnect(random) : random.pick(["6x", "5", "3", "5probe"]);
      model.receive(packet);
      socket.send(packet);
    }
  }
  if (model.outcome === "closed") await punished(socket);
};

const punished = async (socket: HostileSocket): Promise<void> => {
  const code = await socket.closed();
  if (!DESERVED.includes(code)) throw new Error(`Closed with ${code}`);
};

/** Sends packets, many a turn, until one of them ends the session or it has had enough. */
const bursts = async (
  attack: Attack,
  random: Random,
  socket: HostileSocket,
  model: SessionModel,
): Promise<void> => {
  const { tally } = attack;
  const short = random.chance(SHORT_PERCENT);
  for (let burst = 1 + random.int(short ? 1 : MAX_BURSTS); burst > 0; burst--) {
    for (
      let n = 1 + random.int(short ? MAX_SHORT_BURST : MAX_BURST);
      n > 0 && model.outcome === "open";
      n--
    ) {
      const packet = next(attack, random, model);
      for (const frame of packet) {
        if (model.outcome !== "open") break;
        model.receive(frame);
        socket.send(frame);
      }
    }
    if (!(await survives(socket, model))) {
      tally.punished++;
      return;
    }
  }
  if (random.chance(30)) socket.close();
};

const next = ({ tally }: Attack, random: Random, model: SessionModel): Hostile => {
  const [nsp, other] = [...model.connected];
  const chosen = (other !== undefined && random.chance(50) ? other : nsp) ?? "/";
  if (nsp !== undefined && random.chance(3)) return [valid(random, chosen)];
  tally.frames++;
  if (nsp !== undefined && !random.chance(ROUGH_PERCENT)) return survivable(random, chosen);
  return rough(random, chosen);
};

let syncs = 0;

/**
 * Whether the session goes on as it should: it answers what was sent last, and with that everything before it. One
 * that should not must be closed.
 */
const survives = async (socket: HostileSocket, model: SessionModel): Promise<boolean> => {
  const id = 7_000_000_000_000 + ++syncs;
  const [nsp] = model.connected;
  const [packet, head] =
    nsp === undefined
      ? [`40/sync-${id},`, `44/sync-${id},`]
      : [`42${nsp === "/" ? "" : `${nsp},`}${id}["ping"]`, `43${nsp === "/" ? "" : `${nsp},`}${id}[`];
  const before = model.outcome;
  if (before === "open") model.receive(packet);
  if (before === "unclear") {
    // Whatever it asked for has been asked without a right to it.
    socket.send(packet);
    await socket.answer(head, "4");
    return false;
  }
  if (model.outcome === "closed") {
    if (before === "open") socket.send(packet);
    await punished(socket);
    return false;
  }
  const answered = socket.answer(head);
  socket.send(packet);
  if ((await answered) === undefined)
    throw new Error(`Closed with ${socket.closeCode}, though nothing was wrong`);
  return true;
};
