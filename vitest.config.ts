import { cloudflareTest } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
import { JWT_VARS, signToken } from "./test/support/keys.ts";

export default defineConfig({
  test: {
    // Two cores: much of the time tests wait, for heartbeats or for processes.
    maxWorkers: 3,
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            remoteBindings: false,
            miniflare: {
              bindings: {
                ...JWT_VARS,
                INGEST_TOKENS: "test-ingest-token",
                TEST_TOKEN: await signToken("user_test"),
              },
            },
          }),
        ],
        test: { name: "workerd", include: ["test/workerd/**/*.test.ts"] },
      },
      { test: { name: "conformance", include: ["test/conformance/*.test.ts"], hookTimeout: 60_000 } },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          globalSetup: "test/support/build.ts",
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "fuzz",
          include: ["test/fuzz/**/*.test.ts"],
          globalSetup: "test/support/build.ts",
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "faults",
          include: ["test/faults/**/*.test.ts"],
          globalSetup: "test/support/build.ts",
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
