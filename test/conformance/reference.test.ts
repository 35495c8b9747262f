import { afterAll, beforeAll } from "vitest";
import { type ReferenceServer, startReferenceServer } from "./reference-server.ts";
import { SETTINGS } from "./settings.ts";
import { conformance } from "./suite.ts";

let server: ReferenceServer;

beforeAll(async () => {
  server = await startReferenceServer(SETTINGS);
});
afterAll(() => server.stop());

conformance("the reference server", () => ({ url: server.url, settings: SETTINGS }));
