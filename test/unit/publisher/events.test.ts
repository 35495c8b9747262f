import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { catalogue } from "../../../src/events/catalogue.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");

const HEADER = `/**
 * What backends publish, written out from the catalogue (src/events/), so that publishers need neither it nor
 * zod. Not to be edited: npx vitest run --project unit test/unit/publisher/events.test.ts -u
 */`;

/** TypeScript writes the resolved type of an inferred constant into its declaration. */
const EXPAND = `
import type { EventPayload, ServerEventName } from ${JSON.stringify(path.join(ROOT, "src/events/client.ts"))};
type Expand<T> = T extends string | number | boolean | null | undefined ? T
  : T extends readonly unknown[] ? { [I in keyof T]: Expand<T[I]> }
  : string extends keyof T ? T
  : T extends object ? { [K in keyof T]: Expand<T[K]> } : T;
declare const make: <T>() => { [K in keyof T]: Expand<T[K]> };
export const events = make<{ [N in ServerEventName]: EventPayload<N> }>();
`;

/** The payloads of all events that the service sends, as one object type. */
const payloadTypes = async (): Promise<string> => {
  const folder = await mkdtemp(path.join(tmpdir(), "ledgercore-events-"));
  try {
    await writeFile(path.join(folder, "expand.ts"), EXPAND);
    const compilerOptions = { noEmit: false, declaration: true, emitDeclarationOnly: true, types: [] };
    const outDir = path.join(folder, "out");
    await writeFile(
      path.join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: path.join(ROOT, "tsconfig.json"),
        compilerOptions: { ...compilerOptions, outDir, rootDir: path.parse(folder).root },
        include: ["expand.ts"],
      }),
    );
    // It fails, because the catalogue itself cannot be declared, after it has written what is wanted.
    await new Promise<void>((resolve) => execFile("tsc", ["-p", folder], () => resolve()));
    const declared = path.join(outDir, path.relative(path.parse(folder).root, folder), "expand.d.ts");
    const [, type] = /const events: (\{.*\});/s.exec(await readFile(declared, "utf8")) ?? [];
    return type ?? "";
  } finally {
    await rm(folder, { recursive: true });
  }
};

const formatted = async (source: string): Promise<string> => {
  const biome = spawn("biome", ["format", "--stdin-file-path=publisher/events.ts"], { cwd: ROOT });
  biome.stdin.end(source);
  return text(biome.stdout);
};

it("ING-1 the SDK's events are the catalogue's, and its durable ones are", async () => {
  const durable = Object.values(catalogue).flatMap((event) =>
    event.direction === "server-to-client" && event.delivery === "durable" ? [event.name] : [],
  );
  const source = `${HEADER}
export interface ServerEvents ${await payloadTypes()}

/**
 * Events that are logged for their user (USER-1): without an \`id\`, a repeated one would be delivered twice.
 */
export const durableEvents = ${JSON.stringify(durable.sort())} as const;
`;
  await expect(await formatted(source)).toMatchFileSnapshot(path.join(ROOT, "publisher/events.ts"));
}, 30_000);

it("ING-1 the events that the SDK takes without a room are those whose data names their market", () => {
  for (const event of Object.values(catalogue)) {
    if (event.direction !== "server-to-client") continue;
    const named = event.delivery !== "durable" && "symbol" in event.example;
    expect([event.name, event.room !== undefined]).toEqual([event.name, named]);
  }
});
