import { afterAll, beforeAll, describe } from "vitest";
import type { LocalServer } from "../../scripts/lib/local-server.ts";
import { startGatewayServer } from "./gateway-server.ts";
import { SETTINGS, type Settings } from "./settings.ts";
import { conformance } from "./suite.ts";

const varsOf = (settings: Settings) => ({
  PING_INTERVAL: String(settings.pingInterval),
  PING_TIMEOUT: String(settings.pingTimeout),
  CONNECT_TIMEOUT: String(settings.connectTimeout),
  UPGRADE_TIMEOUT: String(settings.upgradeTimeout),
  MAX_PAYLOAD: String(settings.maxPayload),
});

describe.each([
  ["the gateway, with ordinary WebSockets", SETTINGS],
  // Pings that come seldom enough to hibernate between them: decision 8.
  ["the gateway, with hibernatable WebSockets", { ...SETTINGS, pingInterval: 12_000, pingTimeout: 10_000 }],
])("%s", (name, settings) => {
  let server: LocalServer;

  beforeAll(async () => {
    server = await startGatewayServer({ vars: varsOf(settings) });
  });
  afterAll(() => server.stop());

  conformance(name, () => ({ url: server.url.origin, settings }));
});
