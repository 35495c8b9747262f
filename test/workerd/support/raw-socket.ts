import { env, exports } from "cloudflare:workers";

declare global {
  namespace Cloudflare {
    interface Env {
      /** A JWT of the user `user_test`, given to the tests only. */
      TEST_TOKEN: string;
    }
  }
}

/** A client inside workerd that speaks the wire itself and answers pings. */
export class RawSocket {
  readonly frames: string[] = [];
  readonly #webSocket: WebSocket;
  #wake: (() => void)[] = [];

  private constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
    webSocket.accept();
    webSocket.addEventListener("message", ({ data }) => {
      this.frames.push(String(data));
      if (data === "2") webSocket.send("3");
      const wake = this.#wake;
      this.#wake = [];
      for (const resolve of wake) resolve();
    });
  }

  /** Opens a session through the Worker. */
  static async open(): Promise<RawSocket> {
    const response = await exports.default.fetch("http://localhost/socket.io/?EIO=4&transport=websocket", {
      headers: { upgrade: "websocket" },
    });
    if (response.webSocket === null) throw new Error(`Refused: ${response.status}`);
    return new RawSocket(response.webSocket);
  }

  /** The gateway that holds the session, by the session id that OPEN carries. */
  async gateway(): Promise<string> {
    const { sid } = JSON.parse((await this.next("0")).slice(1)) as { sid: string };
    return sid.slice(0, sid.indexOf("."));
  }

  async connect(): Promise<void> {
    this.send(`40${JSON.stringify({ token: env.TEST_TOKEN })}`);
    await this.next('42["connected"');
  }

  send(data: string): void {
    this.#webSocket.send(data);
  }

  close(): void {
    this.#webSocket.close(1000);
  }

  /** Resolves with the `count`th frame that starts with `head`. */
  async next(head: string, count = 1): Promise<string> {
    for (;;) {
      const found = this.frames.filter((frame) => frame.startsWith(head))[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }
}
