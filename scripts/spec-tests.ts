/**
 * Writes the table at the end of docs/spec.md: which test files cite which rule in their titles.
 *
 *     node scripts/spec-tests.ts           write the table
 *     node scripts/spec-tests.ts --check   exit 1 when it is stale, or a rule is cited by none
 */
import { globSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "..");
const SPEC = path.join(ROOT, "docs/spec.md");
const HEADING = "## Tests\n";

const RULE = /\b(?:CONN|AUTH|ROOM|MKT|USER|REQ|FAN|ERR|ING)-\d+\b/g;
/** Titles, rows of `it.each` among them, are the only quoted strings of tests that name rules. */
const QUOTED = /"(?:[^"\\\n]|\\.)*"|`[^`]*`/g;

const spec = readFileSync(SPEC, "utf8");
const rules = [...spec.matchAll(/^\*\*((?:CONN|AUTH|ROOM|MKT|USER|REQ|FAN|ERR|ING)-\d+) /gm)].map(
  ([, rule]) => rule ?? "",
);

const citing = new Map<string, string[]>(rules.map((rule) => [rule, []]));
for (const file of globSync("{**/*.test.ts,conformance/*.ts}", { cwd: path.join(ROOT, "test") }).sort()) {
  const titles = readFileSync(path.join(ROOT, "test", file), "utf8").match(QUOTED) ?? [];
  const cited = new Set(titles.flatMap((title) => title.match(RULE) ?? []));
  for (const rule of cited) citing.get(rule)?.push(file.replaceAll("\\", "/"));
}

const rows = [...citing].map(
  ([rule, files]) =>
    `- ${rule}: ${files.map((file) => `[${file.replace(/(?:\.test)?\.ts$/, "")}](../test/${file})`).join(", ")}`,
);
const made = `${spec.slice(0, spec.indexOf(HEADING))}${HEADING}
Which files under test/ cite a rule in their titles. Written by \`npm run docs\`.

${rows.join("\n")}
`;

const uncited = [...citing].filter(([, files]) => files.length === 0).map(([rule]) => rule);
if (uncited.length > 0) {
  console.error(`No test cites ${uncited.join(", ")}.`);
  process.exitCode = 1;
}
if (!process.argv.includes("--check")) writeFileSync(SPEC, made);
else if (made !== spec) {
  console.error("The table of tests in docs/spec.md is stale. Run npm run docs.");
  process.exitCode = 1;
}
