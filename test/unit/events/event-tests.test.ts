import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { catalogue } from "../../../src/events/catalogue.ts";
import { type Case, cases } from "../../e2e/requests/cases.ts";
import type { BackendName } from "../../e2e/requests/stage.ts";

const FILE = fileURLToPath(new URL("../../../docs/event-tests.md", import.meta.url));

const backends: readonly (readonly [BackendName, string])[] = [
  ["embedded", "embedded backend"],
  ["http", "HTTP upstream"],
];

const events = Object.values(catalogue).filter((event) => !("extension" in event));

const showing = (event: string, backend: BackendName): readonly Case[] =>
  cases.filter(
    (one) => (one.backend ?? backend) === backend && (one.shows as readonly string[]).includes(event),
  );

const cell = (shown: readonly Case[]): string =>
  shown.map(({ title, failure }) => (failure ? `✗ ${title}` : `✓ ${title}`)).join("<br>");

it.each(events.map(({ name, direction }) => [name, direction]))(
  "REQ-1 REQ-2 REQ-3 %s is shown with both backends, a request's success and its failure",
  (event, direction) => {
    for (const [backend] of backends) {
      const shown = showing(event, backend);
      expect(shown.length).toBeGreaterThan(0);
      if (direction === "server-to-client") continue;
      expect(new Set(shown.map(({ failure = false }) => failure))).toEqual(new Set([true, false]));
    }
  },
);

it("the table says what shows each event (to write it: npm run docs)", async () => {
  const rows = events.map(({ name, direction }) => {
    const arrow = direction === "client-to-server" ? "→" : "←";
    return `| ${arrow} \`${name}\` | ${backends.map(([backend]) => cell(showing(name, backend))).join(" | ")} |`;
  });
  await expect(`# Events and the tests that show them

Every event of the public event reference, and what a stock client sees of it with either backend: → you emit, ← you
receive; ✓ as it should be, ✗ as it fails. Each line is a test in [cases.ts](../test/e2e/requests/cases.ts), which checks
that the events it is said to show have come. Written by \`npm run docs\`.

| event | ${backends.map(([, name]) => name).join(" | ")} |
| --- | --- | --- |
${rows.join("\n")}
`).toMatchFileSnapshot(FILE);
});
