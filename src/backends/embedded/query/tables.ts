/** The columns of the tables that queries read, taken from their definitions. Pure. */
import { SCHEMA, TABLES, type Table } from "../dataset/schema.ts";

export type ColumnType = "text" | "integer" | "real";

export interface TableShape {
  readonly columns: ReadonlyMap<string, ColumnType>;
  /** Columns of the primary key. */
  readonly key: readonly string[];
}

const shapeOf = (table: Table): TableShape => {
  const definition =
    SCHEMA.find((statement) => statement.startsWith(`CREATE TABLE IF NOT EXISTS ${table} (`)) ?? "";
  const columns = [...definition.matchAll(/^\s+([a-z_]+) (TEXT|INTEGER|REAL)\b/gm)].map(
    ([, name = "", type = ""]): [string, ColumnType] => [name, type.toLowerCase() as ColumnType],
  );
  const [, key = ""] = /PRIMARY KEY \(([^)]*)\)/.exec(definition) ?? [];
  return { columns: new Map(columns), key: key.split(", ") };
};

export const TABLE_SHAPES: Readonly<Record<Table, TableShape>> = {
  bars: shapeOf("bars"),
  trades: shapeOf("trades"),
  transfers: shapeOf("transfers"),
  address_labels: shapeOf("address_labels"),
};

/** The type of a column of this name, if it is the same in every table that has one. */
export const declaredType = (column: string): ColumnType | undefined => {
  const types = new Set(TABLES.flatMap((table) => TABLE_SHAPES[table].columns.get(column) ?? []));
  const [type] = types;
  return types.size === 1 ? type : undefined;
};
