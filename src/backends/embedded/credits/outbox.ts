import type { Sql } from "../../../lib/sql.ts";
import type { Publication, PublishOutcome } from "../../../rooms/protocol.ts";

export interface OutboxDeps {
  readonly sql: Sql;
  /** Begins the ids of what is published; no other publisher of the room uses it. */
  readonly prefix: string;
  /** Publishes into the personal room; see `RoomRpc.publish`. */
  readonly publish: (publications: readonly Publication[]) => Promise<readonly PublishOutcome[]>;
  readonly onError: (error: unknown) => void;
}

/** Movements in one call: two events each, of some 200 bytes. */
const BATCH = 500;

interface Row extends Record<string, string | number> {
  seq: number;
  moved: string;
  balance: string;
}

/**
 * The events of movements that the personal room has not accepted yet. They are stored with the movement and removed
 * once accepted, so that none is lost; they go one call after the other, so that they stay in order; and their ids are
 * made from the movement's number, so that the room tells those it has had, for as long as it keeps ids.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  #sending = false;
  /** The room was not to be had: it is not asked again with every movement. */
  #failed = false;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  static create(sql: Sql): void {
    sql.exec(
      "CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, moved TEXT NOT NULL, balance TEXT NOT NULL)",
    );
  }

  /** Adds the encoded events of a movement: what has moved, and the balance after it. `seq` is never used again. */
  add(seq: number, moved: string, balance: string): void {
    this.#deps.sql.exec("INSERT INTO outbox VALUES (?, ?, ?)", seq, moved, balance);
  }

  get empty(): boolean {
    return this.#oldest(1).length === 0;
  }

  /** Sends what waits, until nothing does or it fails: what is left then waits for a `retry`. Never rejects. */
  async flush({ retry = false } = {}): Promise<void> {
    if (this.#sending || (this.#failed && !retry)) return;
    this.#sending = true;
    this.#failed = true;
    try {
      for (let rows = this.#oldest(BATCH); rows.length > 0; rows = this.#oldest(BATCH)) {
        const outcomes = await this.#deps.publish(rows.flatMap((row) => this.#publications(row)));
        const refused = outcomes.indexOf("overloaded");
        // Two for each movement; one of which only the first was accepted goes again.
        const accepted = refused === -1 ? rows.length : Math.floor(refused / 2);
        const last = rows[accepted - 1];
        if (last !== undefined) this.#deps.sql.exec("DELETE FROM outbox WHERE seq <= ?", last.seq);
        if (refused !== -1) return;
      }
      this.#failed = false;
    } catch (error) {
      this.#deps.onError(error);
    } finally {
      this.#sending = false;
    }
  }

  #publications({ seq, moved, balance }: Row): Publication[] {
    const id = `${this.#deps.prefix}${seq}`;
    return [
      { id, body: moved, delivery: "durable" },
      { id: `${id}:balance`, body: balance, delivery: "durable" },
    ];
  }

  #oldest(limit: number): Row[] {
    return this.#deps.sql
      .exec<Row>("SELECT seq, moved, balance FROM outbox ORDER BY seq LIMIT ?", limit)
      .toArray();
  }
}
