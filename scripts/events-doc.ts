/**
 * Writes docs/events.md from the event catalogue.
 *
 *     node scripts/events-doc.ts           write the file
 *     node scripts/events-doc.ts --check   exit 1 when the file is stale
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { catalogue } from "../src/events/catalogue.ts";
import type { CatalogueEvent, Family } from "../src/events/define.ts";
import { candle } from "../src/events/fields.ts";

type Json = z.core.JSONSchema.JSONSchema;

const file = fileURLToPath(new URL("../docs/events.md", import.meta.url));

const headings: Record<Family, string> = {
  system: "System",
  query: "Query engine",
  market: "Market data",
  compliance: "Compliance",
  credits: "Credits",
  chat: "Chat",
  errors: "Errors",
};

const preface = `# Events

This file is generated from \`src/events/\` by \`npm run docs\`. Do not edit it.

**Directions.** → is an event you emit, ← one you receive. Events marked _extension_ go beyond the public event reference. An event you emit may carry an acknowledgement callback as its last argument.

**Delivery.** What becomes of an event that is published to a room. _durable_ events are stored in your personal room, and sent again when your socket is recovered: they carry their offset as a second argument. _volatile_ events are market state, of which only the newest matters. _transient_ events are sent once: later ones supersede them. What answers a socket directly is sent once, whatever its class.

**Unknown fields.** A payload you emit may hold only the fields listed here: others are refused with \`validation_error\`, so that a misspelt option is never ignored silently. Payloads you receive may hold more fields than are listed: ignore those you do not know.

**Timestamps.** The service's own times and all market times are integer milliseconds since the Unix epoch. A field that is \`integer ms | ISO 8601 string\` keeps the form its publisher chose.

**Decimals.** Prices, volumes, sizes and amounts are numbers or decimal strings such as \`"61685.99"\`, as their publisher sent them. They are never converted, so no digit is lost. Prices, sizes and volumes are not negative.

**Symbols and rooms.** A symbol is two or three parts of \`A-Z\` and \`0-9\`, up to 20 characters each, joined by \`-\`: \`BTC-USD\`, \`BTC-USD-PERP\`. Its room is \`market:<symbol>\`. Your personal room, \`user:<your id>\`, is joined for you.

**Candles.** \`Candle\` is \`${fields(jsonSchema(candle))}\`: the state of the bar that began at \`timestamp\`.

**Errors.** Every error has the envelope \`{ code, message, retryAfter? }\`. The error code is \`RATE_LIMITED\`, \`UNAUTHORIZED\`, \`NOT_FOUND\`, \`INTERNAL\` or \`VALIDATION_FAILED\`; \`retryAfter\` is in seconds. Errors of a request add the id it was accepted under.
`;

function jsonSchema(schema: z.ZodType): Json {
  // `undefined`, the payload of ping, has no JSON schema: "any" makes it an empty one.
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
}

function isSchema(value: unknown): value is Json {
  return typeof value === "object" && value !== null;
}

/** A schema as a reader writes it: `number | decimal string`, `{ room: string }`. */
function typeText(schema: Json): string {
  if (schema.title) return schema.title;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.anyOf)
    return schema.anyOf.map((branch) => (isSchema(branch) ? typeText(branch) : "any")).join(" | ");
  if (Array.isArray(schema.type)) return schema.type.join(" | ");
  if (schema.type === "array") return arrayText(schema);
  if (schema.type === "object") return schema.properties ? fields(schema) : mapText(schema);
  return schema.type ?? "any";
}

function arrayText({ prefixItems, items }: Json): string {
  if (prefixItems)
    return `[${prefixItems.map((item) => (isSchema(item) ? typeText(item) : "any")).join(", ")}]`;
  if (!isSchema(items) || Array.isArray(items)) return "any[]";
  const alternatives = !items.title && (items.anyOf ?? items.enum ?? Array.isArray(items.type));
  return alternatives ? `(${typeText(items)})[]` : `${typeText(items)}[]`;
}

function mapText({ additionalProperties }: Json): string {
  return `{ [name]: ${isSchema(additionalProperties) ? typeText(additionalProperties) : "any"} }`;
}

function fields({ properties = {}, required = [] }: Json): string {
  const parts = Object.entries(properties).map(
    ([name, field]) =>
      `${name}${required.includes(name) ? "" : "?"}: ${isSchema(field) ? typeText(field) : "any"}`,
  );
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

/** The bounds of an event's fields: `limit` 1 to 1000. Patterns speak through their titles. */
function limits(schema: Json): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    if (!isSchema(field)) return [];
    const bounds = (field.anyOf ?? [field]).flatMap((branch) => (isSchema(branch) ? bound(branch) : []));
    return bounds.length === 0 ? [] : [`\`${name}\` ${bounds.join(" or ")}`];
  });
}

function bound(schema: Json): string[] {
  const number = (value: number) => value.toLocaleString("en-US");
  if (schema.maxLength !== undefined) {
    return [`${number(schema.minLength ?? 0)} to ${number(schema.maxLength)} characters`];
  }
  if (schema.maxItems !== undefined) return [`at most ${number(schema.maxItems)} items`];
  if (schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER) {
    return [`${number(schema.minimum ?? 0)} to ${number(schema.maximum)}`];
  }
  return [];
}

const cell = (text: string) => text.replaceAll("|", "\\|");
const code = (text: string) => `\`${text}\``;

function row(event: CatalogueEvent): string[] {
  const fromClient = event.direction === "client-to-server";
  const payload = event.example === undefined ? "none" : code(typeText(jsonSchema(event.schema)));
  return [
    code(event.name) + (event.extension ? " _extension_" : ""),
    fromClient ? "→" : "←",
    cell(payload),
    fromClient ? "" : event.delivery,
    cell(event.summary),
  ];
}

/** Aligned as the formatter aligns tables, so that formatting never makes the file stale. */
function table(rows: string[][]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: string[]) => `| ${cells.map((text, i) => text.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.slice(1).map(line)].join("\n");
}

function requestText(event: CatalogueEvent): string[] {
  if (event.direction !== "client-to-server") return [];
  const bounds = limits(jsonSchema(event.schema));
  const answers = `- ${code(event.name)} is answered with ${event.responses.map(code).join(", ")}.`;
  return [bounds.length === 0 ? answers : `${answers} Limits: ${bounds.join("; ")}.`];
}

function exampleText(event: CatalogueEvent): string[] {
  if (event.example === undefined) return [];
  const arrow = event.direction === "client-to-server" ? "→" : "←";
  return [`// ${arrow} ${event.name}\n${JSON.stringify(event.example, null, 2)}`];
}

function section(name: Family): string {
  const events: CatalogueEvent[] = Object.values(catalogue).filter((event) => event.family === name);
  const requests = events.flatMap(requestText);
  return [
    `## ${headings[name]}`,
    table([["event", "", "payload", "delivery", ""], ...events.map(row)]),
    ...(requests.length === 0 ? [] : [requests.join("\n")]),
    `<details><summary>Examples</summary>\n\n\`\`\`jsonc\n${events.flatMap(exampleText).join("\n\n")}\n\`\`\`\n\n</details>`,
  ].join("\n\n");
}

function current(): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

// Object.keys forgets that the keys are the families.
const families = Object.keys(headings) as Family[];
const text = `${[preface.trimEnd(), ...families.map(section)].join("\n\n")}\n`;

if (!process.argv.includes("--check")) {
  writeFileSync(file, text);
} else if (current() !== text) {
  console.error("docs/events.md does not match src/events/. Run `npm run docs` and commit the result.");
  process.exitCode = 1;
}
