import type { Context } from "../scenarios/scenario.ts";
import type { Target, TargetKind, TargetOptions } from "../servers/target.ts";

/** Every second round goes the other way, so that neither always runs first. */
export const inTurn = <T>(items: readonly T[], round: number): readonly T[] =>
  round % 2 === 0 ? items : items.toReversed();

/** The rows of all items in this round's order, one item after the other. */
export const runInTurn = async <T, Row>(
  items: readonly T[],
  round: number,
  signal: AbortSignal,
  run: (item: T) => Promise<readonly Row[]>,
): Promise<Row[]> => {
  const rows: Row[] = [];
  for (const item of inTurn(items, round)) {
    signal.throwIfAborted();
    rows.push(...(await run(item)));
  }
  return rows;
};

/** The rows of all rounds, one round after the other. */
export const runRounds = async <Row>(
  { rounds, progress, signal }: Pick<Context, "rounds" | "progress" | "signal">,
  run: (round: number) => Promise<readonly Row[]>,
): Promise<Row[]> => {
  const rows: Row[] = [];
  for (let round = 0; round < rounds; round++) {
    signal.throwIfAborted();
    progress(`round ${round + 1} of ${rounds}`);
    rows.push(...(await run(round)));
  }
  return rows;
};

/** Whatever puts a server under load. */
export interface Load {
  stop(): Promise<void> | void;
}

export interface Contender<L extends Load> {
  readonly kind: TargetKind;
  readonly target: Target;
  readonly load: L;
}

export interface Contest<L extends Load> {
  readonly kinds: readonly TargetKind[];
  readonly targetOptions: TargetOptions;
  createLoad(): L;
  connect(load: L, target: Target): Promise<void>;
}

/**
 * Starts a fresh server of each kind with a load of its own, hands them over in this round's order, and stops them
 * whatever happens.
 */
export const withContenders = async <L extends Load, Result>(
  { kinds, targetOptions, createLoad, connect }: Contest<L>,
  round: number,
  signal: AbortSignal,
  use: (contenders: readonly Contender<L>[]) => Promise<Result>,
): Promise<Result> => {
  const contenders: Contender<L>[] = [];
  try {
    for (const kind of inTurn(kinds, round)) {
      signal.throwIfAborted();
      const target = await kind.start(targetOptions);
      const load = createLoad();
      contenders.push({ kind, target, load });
      await connect(load, target);
    }
    return await use(contenders);
  } finally {
    // Loads first: they would report a server that goes as a failure.
    for (const { load } of contenders) await load.stop();
    for (const { target } of contenders) await target.stop();
  }
};
