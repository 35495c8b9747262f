import table from "./costs.json" with { type: "json" };

export type CostName = keyof typeof table;

/** Values by name; units and where each comes from are in costs.json. */
export type Costs = Readonly<Record<CostName, number>>;

export interface CostEntry {
  readonly value: number;
  readonly unit: string;
  readonly kind: "measured" | "published" | "assumed";
  readonly source: string;
}

/** As in the file, in its order. */
export const costTable = table as Readonly<Record<CostName, CostEntry>>;

export const costNames = Object.keys(table) as CostName[];

export const costs = Object.fromEntries(costNames.map((name) => [name, costTable[name].value])) as Costs;
