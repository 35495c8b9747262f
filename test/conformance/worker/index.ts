import { Hono } from "hono";
import { configOf } from "../../../src/env.ts";
import { engineEndpoint } from "../../../src/http/engine-endpoint.ts";
import type { EchoEnv } from "./echo-do.ts";

export { EngineEcho, SocketDriver, SocketEcho } from "./echo-do.ts";

const endpoint = (gateways: (env: EchoEnv) => Pick<DurableObjectNamespace, "getByName">) =>
  engineEndpoint<EchoEnv>({
    gateways,
    gatewaysPerColo: (env) => configOf(env).GATEWAYS_PER_COLO,
    allowedOrigins: (env) => configOf(env).ALLOWED_ORIGINS,
    context: async () => ({}),
  });

const app = new Hono<{ Bindings: EchoEnv }>({ strict: false });

app.route(
  "/engine.io",
  endpoint((env) => env.ENGINE_ECHO),
);
app.route(
  "/socket.io",
  endpoint((env) => env.SOCKET_ECHO),
);
app.route(
  "/driver.io",
  endpoint((env) => env.SOCKET_DRIVER),
);

export default app;
