import type { ImportProgress } from "../../src/backends/embedded/dataset/protocol.ts";
import type { Result } from "../../src/lib/result.ts";
import { BatchTooLargeError, type ImportClient } from "./import-client.ts";

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
  /** Earlier runs have sent all there is. */
  readonly alreadyIn: boolean;
}

/** Of the rows of a batch: a quarter of what the service takes by default. It takes longer to store more. */
const MAX_BATCH_BYTES = 250_000;

/** A row that waits to be sent. */
interface Waiting {
  readonly line: number;
  /** As JSON. */
  readonly body: string;
  readonly bytes: number;
}

/** Sends the rows that are not in yet, batch by batch. One that is cut off goes on where it was when run again. */
export const importRows = async (options: ImportOptions): Promise<ImportSummary> => {
  const { client, source, rows, batch } = options;
  let progress = await client.progress(source);
  options.onStart?.(progress);
  let toSkip = progress.position;
  let unreadable = 0;
  let sent = 0;
  let waiting: Waiting[] = [];
  let bytes = 0;
  let maxBytes = MAX_BATCH_BYTES;
  let bad: { line: number; reason: string }[] = [];

  const send = async (part: readonly Waiting[]): Promise<void> => {
    try {
      const answer = await client.send(
        source,
        progress.position,
        part.map(({ body }) => body),
      );
      for (const { index, column, message } of answer.rejected) {
        bad.push({ line: part[index]?.line ?? 0, reason: column === "" ? message : `${column}: ${message}` });
      }
      progress = answer;
      sent += part.length;
    } catch (error) {
      if (!(error instanceof BatchTooLargeError) || part.length === 1) throw error;
      // What comes will be as large.
      maxBytes = Math.ceil(sumOfBytes(part) / 2);
      const half = Math.ceil(part.length / 2);
      await send(part.slice(0, half));
      await send(part.slice(half));
    }
  };

  const flush = async (): Promise<void> => {
    if (waiting.length > 0) await send(waiting);
    for (const { line, reason } of bad.toSorted((a, b) => a.line - b.line)) options.onBadRow?.(line, reason);
    [waiting, bytes, bad] = [[], 0, []];
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
      const size = Buffer.byteLength(body);
      if (waiting.length > 0 && bytes + size > maxBytes) await flush();
      waiting.push({ line, body, bytes: size });
      bytes += size;
      if (waiting.length >= batch) await flush();
    }
  }
  await flush();
  const { inserted, replaced, unchanged, skipped } = progress;
  return {
    imported: inserted + replaced + unchanged,
    replaced,
    unchanged,
    skipped: skipped + unreadable,
    alreadyIn: sent === 0 && progress.position > 0,
  };
};

const sumOfBytes = (rows: readonly Waiting[]): number => rows.reduce((sum, { bytes }) => sum + bytes, 0);
