import { build, SERVICE } from "../../scripts/lib/local-server.ts";

/** Vitest global setup: the end-to-end tests run what would be deployed. */
export const setup = (): Promise<void> => build(SERVICE);
