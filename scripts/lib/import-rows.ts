import type { ImportProgress } from "../../src/backends/embedded/dataset/protocol.ts";
import type { Result } from "../../src/lib/result.ts";
import type { ImportClient } from "./import-client.ts";

/** One row of what is imported. */
export interface SourceRow {
  /** Where it begins in its file, from 1. */
  readonly line: number;
  /** Its values by column of the table, or why there is no telling them. */
  readonly row: Result<Readonly<Record<string, string | number>>, string>;
}

export interface ImportListener {
  /** Before the first batch; `progress` tells what earlier runs have done. */
  onStart?(progress: ImportProgress): void;
  onBadRow?(line: number, reason: string): void;
  /** After each batch. */
  onProgress?(progress: ImportProgress): void;
}

export interface ImportOptions extends ImportListener {
  readonly client: Pick<ImportClient, "progress" | "send">;
  /** Names the rows: what is read under the same name must be the same. */
  readonly source: string;
  readonly rows: AsyncIterable<SourceRow>;
  /** Rows in a batch, at most. */
  readonly batch: number;
}

/** What is in of a source, by all runs together. */
export interface ImportSummary {
  /** Rows that are in the table: new, replaced or there already. */
  readonly imported: number;
  readonly replaced: number;
  readonly unchanged: number;
  readonly skipped: number;
}

/** Half of what the service takes by default. */
const MAX_BATCH_CHARS = 250_000;

/** Sends the rows that are not in yet, batch by batch. One that is cut off goes on where it was when run again. */
export const importRows = async (options: ImportOptions): Promise<ImportSummary> => {
  const { client, source, rows, batch } = options;
  let progress = await client.progress(source);
  options.onStart?.(progress);
  let toSkip = progress.position;
  let unreadable = 0;
  let lines: number[] = [];
  let bodies: string[] = [];
  let chars = 0;
  let bad: { line: number; reason: string }[] = [];

  const flush = async (): Promise<void> => {
    if (bodies.length > 0) {
      const answer = await client.send(source, progress.position, bodies);
      for (const { index, column, message } of answer.rejected) {
        bad.push({ line: lines[index] ?? 0, reason: column === "" ? message : `${column}: ${message}` });
      }
      progress = answer;
    }
    for (const { line, reason } of bad.toSorted((a, b) => a.line - b.line)) options.onBadRow?.(line, reason);
    [lines, bodies, chars, bad] = [[], [], 0, []];
    options.onProgress?.(progress);
  };

  for await (const { line, row } of rows) {
    if (!row.ok) {
      unreadable++;
      // An earlier run has reported what comes before.
      if (toSkip === 0) bad.push({ line, reason: row.error });
    } else if (toSkip > 0) {
      toSkip--;
    } else {
      const body = JSON.stringify(row.value);
      if (chars + body.length > MAX_BATCH_CHARS) await flush();
      lines.push(line);
      bodies.push(body);
      chars += body.length;
      if (bodies.length >= batch) await flush();
    }
  }
  await flush();
  const { inserted, replaced, unchanged, skipped } = progress;
  return {
    imported: inserted + replaced + unchanged,
    replaced,
    unchanged,
    skipped: skipped + unreadable,
  };
};
