import { describe } from "vitest";
import { SETTINGS } from "./settings.ts";
import { conformance } from "./suite.ts";

/**
 * Tests the server at CONFORMANCE_URL, which is configured like SETTINGS, or as CONFORMANCE_SETTINGS says, which
 * is JSON of those that differ.
 */
const url = process.env.CONFORMANCE_URL;

if (url === undefined) describe.skip("CONFORMANCE_URL is not set");
else {
  const settings = { ...SETTINGS, ...JSON.parse(process.env.CONFORMANCE_SETTINGS ?? "{}") };
  conformance(url, () => ({ url, settings }));
}
