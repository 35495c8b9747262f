import { DurableObject } from "cloudflare:workers";

/**
 * The least a Durable Object can do to broadcast: no protocol, no rooms, no checks. What it delivers in a
 * second is what the platform allows; a service on the same platform is measured against it.
 */
export class Floor extends DurableObject {
  /** Kept in memory, as the service keeps its own: the two should differ in what they add to sending. */
  #sockets;

  constructor(ctx, env) {
    super(ctx, env);
    this.#sockets = new Set(ctx.getWebSockets());
  }

  async fetch(request) {
    if (request.headers.get("upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair();
      this.ctx.acceptWebSocket(server);
      this.#sockets.add(server);
      return new Response(null, { status: 101, webSocket: client });
    }
    const texts = await request.json();
    // Socket by socket: in workerd several frames of one socket in one go cost less each than one alone.
    for (const socket of this.#sockets) {
      for (const text of texts) socket.send(text);
    }
    return new Response(null, { status: 202 });
  }

  webSocketClose(socket) {
    this.#sockets.delete(socket);
  }

  webSocketError(socket) {
    this.#sockets.delete(socket);
  }
}

export default {
  fetch: (request, env) => env.FLOOR.getByName("floor").fetch(request),
};
