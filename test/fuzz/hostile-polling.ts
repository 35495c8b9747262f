import { type Attack, assertOwn, engineQuery, PATHS } from "./attack.ts";
import type { HttpAnswer, HttpRequest } from "./http-client.ts";
import { type Frame, MAX_PAYLOAD, payloadOf, type Random } from "./mutate.ts";
import { SessionModel } from "./session-model.ts";

/** GETs in which an answer must have come. */
const MAX_GETS = 50;

export const FORM = { "content-type": "text/plain;charset=UTF-8" };

let syncs = 0;

/** A polling session, with what should become of it. */
export class HostilePolling {
  readonly model = new SessionModel();
  readonly #attack: Attack;
  readonly #url: string;

  constructor(attack: Attack, url: string) {
    this.#attack = attack;
    this.#url = url;
  }

  static async open(
    attack: Attack,
    random: Random,
    headers: Record<string, string> = {},
  ): Promise<HostilePolling> {
    attack.tally.sessions++;
    const path = random.pick(PATHS);
    const { status, body } = await attack.http.send(`${path}${engineQuery("polling")}`, { headers });
    if (status !== 200 || !body.startsWith("0{")) throw new Error(`Refused: ${status} ${body}`);
    const { sid } = JSON.parse(body.slice(1)) as { sid: string };
    return new HostilePolling(attack, `${path}${engineQuery("polling", `&sid=${sid}`)}`);
  }

  /** Where a WebSocket may try to take the session over. */
  get upgradeUrl(): string {
    return this.#attack.url + this.#url.replace("transport=polling", "transport=websocket");
  }

  async get(options: HttpRequest = {}): Promise<HttpAnswer> {
    const answer = await this.#attack.http.send(this.#url, options);
    assertOwn(answer.body);
    return answer;
  }

  post(body: string | Uint8Array, options: HttpRequest = {}): Promise<HttpAnswer> {
    return this.#attack.http.send(this.#url, { method: "POST", headers: FORM, body, ...options });
  }

  async connect(nsp: string, packet: string): Promise<void> {
    if (this.model.receive(packet) !== "unclear") return;
    await this.post(packet);
    const tail = nsp === "/" ? "{" : `${nsp},`;
    const body = await this.#until([`40${tail}`, `44${tail}`]);
    if (body?.includes(`40${tail}`)) this.model.accepted(nsp);
    else this.model.refused();
  }

  /** Whether the session goes on as it should; `packets` are sent first, in one payload. */
  async survives(packets: readonly Frame[]): Promise<boolean> {
    const id = 8_000_000_000_000 + ++syncs;
    const [nsp] = this.model.connected;
    const prefix = nsp === undefined || nsp === "/" ? "" : `${nsp},`;
    const [sync, head] =
      nsp === undefined
        ? [`40/sync-${id},`, `44/sync-${id},`]
        : [`42${prefix}${id}["ping"]`, `43${prefix}${id}[`];
    const body = payloadOf([...packets, sync]);
    const answer = await this.post(body, { alone: body.byteLength > MAX_PAYLOAD });
    if (this.model.receivePayload(body) !== "open") return this.ends();
    if (answer.status !== 200) throw new Error(`${answer.status} to a payload that is none to refuse`);
    if ((await this.#until([head])) === undefined) throw new Error("Closed, though nothing was wrong");
    return true;
  }

  /** Expects the session's end, if what came before earned it. */
  async ends(): Promise<false> {
    if (this.model.outcome === "unclear") {
      await this.post("1");
      return false;
    }
    for (let gets = 0; gets < MAX_GETS; gets++) {
      if ((await this.get()).status !== 200) {
        this.#attack.tally.punished++;
        return false;
      }
    }
    throw new Error("A session is still there that sent bad input");
  }

  /** GETs until one of `heads` comes; `undefined` when the session ends before. */
  async #until(heads: readonly string[]): Promise<string | undefined> {
    for (let gets = 0; gets < MAX_GETS; gets++) {
      const { status, body } = await this.get();
      if (status !== 200) return undefined;
      const packets = body.split("\x1e");
      if (packets.includes("2")) await this.post("3");
      if (packets.some((packet) => heads.some((head) => packet.startsWith(head)))) return body;
    }
    throw new Error(`No answer ${heads.join(" or ")}`);
  }
}
