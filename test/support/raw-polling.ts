import { once } from "node:events";
import { type ClientRequest, request } from "node:http";

const SEPARATOR = "\u001e";

/** Where a polling session of a service begins. */
export const pollingUrl = (origin: string, path = "/socket.io/"): string =>
  `${origin}${path}?EIO=4&transport=polling`;

/** A long-polling session whose requests are made one by one, by hand. */
export class RawPolling {
  readonly sid: string;
  /** The session's URL, for requests of one's own. */
  readonly url: string;
  /** Packets that a poll has brought and nobody has taken. */
  readonly #packets: string[] = [];

  private constructor(url: string, sid: string) {
    this.sid = sid;
    this.url = `${url}&sid=${encodeURIComponent(sid)}`;
  }

  static async open(origin: string, headers: Record<string, string> = {}): Promise<RawPolling> {
    const response = await fetch(pollingUrl(origin), { headers });
    const body = await response.text();
    if (!response.ok) throw new Error(`The handshake was answered ${response.status} ${body}`);
    return new RawPolling(pollingUrl(origin), (JSON.parse(body.slice(1)) as { sid: string }).sid);
  }

  /** Sends packets, and expects them to be taken. */
  async post(...packets: string[]): Promise<void> {
    const response = await fetch(this.url, { method: "POST", body: packets.join(SEPARATOR) });
    const body = await response.text();
    if (!response.ok) throw new Error(`A POST was answered ${response.status} ${body}`);
  }

  get(init: RequestInit = {}): Promise<Response> {
    return fetch(this.url, init);
  }

  /**
   * A poll on a connection of its own, which the service holds. Nothing tells that it has arrived; requests that
   * took the same way after it, and are answered, stand in for that.
   */
  async hold(): Promise<ClientRequest> {
    const held = request(this.url, { agent: false }).on("error", () => undefined);
    held.end();
    await once(held, "finish");
    for (let turn = 0; turn < 3; turn++) {
      const later = request(this.url, { method: "POST", agent: false });
      later.end("3");
      const [response] = await once(later, "response");
      await once(response.resume(), "end");
    }
    return held;
  }

  /** Polls until a packet that starts with `head` has come; packets before it are dropped. */
  async packet(head: string): Promise<string> {
    for (;;) {
      const index = this.#packets.findIndex((packet) => packet.startsWith(head));
      if (index !== -1) return this.#packets.splice(0, index + 1)[index] ?? "";
      const response = await this.get();
      const body = await response.text();
      if (!response.ok) throw new Error(`A poll for ${head} was answered ${response.status} ${body}`);
      this.#packets.push(...body.split(SEPARATOR));
    }
  }

  /** Connects with a token, and enters a room. */
  async join(token: string, room: string): Promise<void> {
    await this.post(`40${JSON.stringify({ token })}`);
    await this.packet('42["connected"');
    await this.post(`42${JSON.stringify(["subscribe", { room }])}`);
    await this.packet('42["subscribed"');
  }
}
