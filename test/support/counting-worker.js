// The built Worker, whose gateways count what wakes them and what rooms ask of them, and take their time if they are told
// to. Given to workerd beside index.js.
import worker, { Gateway as BuiltGateway, Room } from "./index.js";

export { Room };

export class Gateway extends BuiltGateway {
  // Both are lost when the object leaves memory.
  #life = crypto.randomUUID();
  #messages = 0;
  #delivered = 0;
  #relayed = 0;
  #stallMs = 0;

  webSocketMessage(webSocket, message) {
    this.#messages++;
    return super.webSocketMessage(webSocket, message);
  }

  async deliver(...args) {
    this.#delivered++;
    if (this.#stallMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#stallMs));
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

  stall(ms) {
    this.#stallMs = ms;
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
    if (pathname === "/test/stall") {
      await gateway.stall(Number(searchParams.get("ms")));
      return new Response("stalls");
    }
    if (pathname === "/test/link") {
      const link = await gateway.link();
      link?.[Symbol.dispose]();
      return new Response(link === undefined ? "refused" : "opened");
    }
    // The call fails with the object.
    if (pathname === "/test/abort") return gateway.abort().catch(() => new Response("aborted"));
    return worker.fetch(request, env, ctx);
  },
};
