// The built Worker, whose gateway counts what wakes it. Given to workerd beside index.js.
import worker, { Gateway as BuiltGateway, Room } from "./index.js";

export { Room };

export class Gateway extends BuiltGateway {
  // Both are lost when the object leaves memory.
  #life = crypto.randomUUID();
  #messages = 0;

  webSocketMessage(webSocket, message) {
    this.#messages++;
    return super.webSocketMessage(webSocket, message);
  }

  stats() {
    return { life: this.#life, messages: this.#messages };
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/test/stats") return Response.json(await env.GATEWAYS.getByName("local-0").stats());
    return worker.fetch(request, env, ctx);
  },
};
