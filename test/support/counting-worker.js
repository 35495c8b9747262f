// The built Worker, whose gateways count what wakes them and what rooms ask of them. Given to workerd beside index.js.
import worker, { Gateway as BuiltGateway, Room } from "./index.js";

export { Room };

export class Gateway extends BuiltGateway {
  // Both are lost when the object leaves memory.
  #life = crypto.randomUUID();
  #messages = 0;
  #delivered = 0;
  #relayed = 0;

  webSocketMessage(webSocket, message) {
    this.#messages++;
    return super.webSocketMessage(webSocket, message);
  }

  deliver(...args) {
    this.#delivered++;
    return super.deliver(...args);
  }

  relay(...args) {
    this.#relayed++;
    return super.relay(...args);
  }

  stats() {
    return {
      ...{ life: this.#life, messages: this.#messages, delivered: this.#delivered, relayed: this.#relayed },
      webSockets: this.ctx.getWebSockets().length,
    };
  }

  abort() {
    this.ctx.abort("as a test wants it");
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const gateway = env.GATEWAYS.getByName(searchParams.get("gateway") ?? "local-0");
    if (pathname === "/test/stats") return Response.json(await gateway.stats());
    // The call fails with the object.
    if (pathname === "/test/abort") return gateway.abort().catch(() => new Response("aborted"));
    return worker.fetch(request, env, ctx);
  },
};
