import { DurableObject } from "cloudflare:workers";
import type { Env } from "../../../env.ts";
import { after, sleep } from "../../../lib/after.ts";
import type { QueryAnswer, QueryCall, QueryRpc } from "../query/protocol.ts";
import { Queries } from "../query/queries.ts";
import { AddressStore } from "./address-store.ts";
import type {
  AddressLabel,
  AddressPage,
  ComplianceRpc,
  CorridorQuery,
  CorridorSlice,
  OnChain,
  StoredTransfer,
  TransfersAnswer,
  TransfersQuery,
} from "./compliance-protocol.ts";
import { CorridorStore } from "./corridor-store.ts";
import { Importer } from "./importer.ts";
import type { DatasetRpc, ImportAnswer, ImportBatch, ImportProgress, TableCounts } from "./protocol.ts";
import { SCHEMA, type Table } from "./schema.ts";

/** Holds the data of one application. Named by its id. */
export class Dataset extends DurableObject<Env> implements DatasetRpc, ComplianceRpc, QueryRpc {
  readonly #importer: Importer;
  readonly #queries: Queries;
  readonly #addresses: AddressStore;
  readonly #corridors: CorridorStore;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    for (const statement of SCHEMA) sql.exec(statement);
    this.#importer = new Importer({ sql, transaction: (run) => ctx.storage.transactionSync(run) });
    const storage = { sql, transactionSync: <T>(run: () => T) => ctx.storage.transactionSync(run) };
    this.#queries = new Queries({ storage, clock: Date.now, after, yieldToOthers: () => sleep(0) });
    this.#addresses = new AddressStore(sql);
    this.#corridors = new CorridorStore(sql);
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

  async addressLabels(chain: string, address: string): Promise<OnChain<readonly AddressLabel[]>> {
    return this.#addresses.labels(chain, address);
  }

  async addressPage(page: AddressPage): Promise<OnChain<readonly StoredTransfer[]>> {
    return this.#addresses.page(page);
  }

  async transfersOf(query: TransfersQuery): Promise<TransfersAnswer> {
    return this.#addresses.transfers(query);
  }

  async labelledIn(jurisdictions: readonly string[]): Promise<Readonly<Record<string, number>>> {
    return this.#corridors.labelledIn(jurisdictions);
  }

  async corridorSlice(query: CorridorQuery): Promise<CorridorSlice> {
    return this.#corridors.slice(query);
  }

  async query(call: QueryCall): Promise<QueryAnswer> {
    return this.#queries.query(call);
  }
}
