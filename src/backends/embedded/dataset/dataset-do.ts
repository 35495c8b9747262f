import { DurableObject } from "cloudflare:workers";
import type { Env } from "../../../env.ts";
import { Importer } from "./importer.ts";
import type { DatasetRpc, ImportAnswer, ImportBatch, ImportProgress, TableCounts } from "./protocol.ts";
import { SCHEMA, type Table } from "./schema.ts";

/** Holds the data of one application. Named by its id. */
export class Dataset extends DurableObject<Env> implements DatasetRpc {
  readonly #importer: Importer;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    for (const statement of SCHEMA) sql.exec(statement);
    this.#importer = new Importer({ sql, transaction: (run) => ctx.storage.transactionSync(run) });
  }

  async importBatch(table: Table, batch: ImportBatch): Promise<ImportAnswer> {
    return this.#importer.importBatch(table, batch);
  }

  async importProgress(table: Table, source: string): Promise<ImportProgress> {
    return this.#importer.progress(table, source);
  }

  async tableCounts(): Promise<TableCounts> {
    return this.#importer.counts();
  }

  async emptyTable(table: Table): Promise<void> {
    this.#importer.empty(table);
  }
}
