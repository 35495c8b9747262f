/**
 * The authorizer: reads the program that SQLite has made of a query (`EXPLAIN`: <https://sqlite.org/opcode.html>), which
 * is what would run, whatever the SQL looked like. Pure. What is not known here is refused.
 */
import { err, ok, type Result } from "../../../lib/result.ts";
import { type FunctionCost, functionCost } from "./functions.ts";

/** A row of `EXPLAIN`. */
export interface Instruction {
  readonly opcode: string;
  readonly p1: number;
  readonly p2: number;
  readonly p3: number;
  readonly p4: string | null;
  readonly p5: number;
}

/** What a program does, as far as its cost depends on it. */
export interface ProgramShape {
  readonly instructions: number;
  /** Instructions that join two texts. */
  readonly concatenations: number;
  /** Columns that a sort or a temporary index compares, at most. */
  readonly keyColumns: number;
  /** Calls of functions. */
  readonly calls: Readonly<Record<FunctionCost, number>>;
}

export type Refused =
  | { readonly reason: "writes" }
  | { readonly reason: "table" }
  | { readonly reason: "function"; readonly name: string }
  | { readonly reason: "instruction"; readonly opcode: string };

/** What reads tables, computes, and keeps temporary results. Nothing here writes, parses a schema or opens a virtual table. */
const ALLOWED: ReadonlySet<string> = new Set(
  `Init Goto Gosub Return InitCoroutine EndCoroutine Yield Halt HaltIfNull BeginSubrtn Once Noop Explain Transaction
  Integer Int64 Real String8 String Null SoftNull Blob Variable Move Copy SCopy IntCopy ResultRow
  Concat Add Subtract Multiply Divide Remainder CollSeq BitAnd BitOr ShiftLeft ShiftRight AddImm MustBeInt RealAffinity
  Cast Eq Ne Lt Le Gt Ge ElseEq Permutation Compare Jump And Or IsTrue Not BitNot If IfNot IsNull IsType ZeroOrNull
  NotNull IfNullRow Column Affinity MakeRecord Count ClrSubtype
  OpenRead ReopenIdx OpenDup OpenAutoindex OpenEphemeral SorterOpen OpenPseudo SequenceTest Close ColumnsUsed
  SeekLT SeekLE SeekGE SeekGT SeekScan SeekHit IfNotOpen IfNoHope NoConflict NotFound Found SeekRowid NotExists
  Sequence NewRowid Insert Delete ResetSorter SorterCompare SorterData RowData Rowid NullRow SeekEnd Last
  IfSizeBetween SorterSort Sort Rewind IfEmpty SorterNext Prev Next SorterInsert IdxInsert IdxDelete DeferredSeek
  IdxRowid FinishSeek IdxLE IdxGT IdxLT IdxGE RowSetAdd RowSetRead RowSetTest IfPos OffsetLimit IfNotZero
  DecrJumpZero AggInverse AggStep AggStep1 AggValue AggFinal Filter FilterAdd Function PureFunc ReleaseReg`.split(
    /\s+/,
  ),
);

const WRITES: ReadonlySet<string> = new Set(
  "OpenWrite CreateBtree Destroy Clear ParseSchema DropTable DropIndex Vacuum VUpdate Program".split(" "),
);

const CALLS: ReadonlySet<string> = new Set([
  ...["Function", "PureFunc", "AggStep", "AggStep1", "AggInverse", "AggValue", "AggFinal"],
]);

/** The flag of OpenRead that says that p2 is a register. */
const P2_IS_REGISTER = 0x10;

/** `roots`: the first pages of the tables and indexes that may be read. */
export const authorize = (
  program: readonly Instruction[],
  roots: ReadonlySet<number>,
): Result<ProgramShape, Refused> => {
  const calls = { plain: 0, text: 0, search: 0 };
  let concatenations = 0;
  let keyColumns = 1;
  for (const instruction of program) {
    const { opcode } = instruction;
    const refused = refusalOf(instruction, roots);
    if (refused !== undefined) return err(refused);
    if (opcode === "Concat") concatenations++;
    // "k(columns,collation of each)"
    keyColumns = Math.max(keyColumns, Number(/^k\((\d+)/.exec(instruction.p4 ?? "")?.[1] ?? 1));
    if (!CALLS.has(opcode)) continue;
    // "name(arguments)"
    const name = (instruction.p4 ?? "").replace(/\(-?\d+\)$/, "");
    const cost = functionCost(name);
    if (cost === undefined) return err({ reason: "function", name });
    calls[cost]++;
  }
  return ok({ instructions: program.length, concatenations, keyColumns, calls });
};

const refusalOf = ({ opcode, p2, p3, p5 }: Instruction, roots: ReadonlySet<number>): Refused | undefined => {
  switch (opcode) {
    case "Transaction":
      return p2 === 0 ? undefined : { reason: "writes" };
    case "OpenRead":
    case "ReopenIdx":
      return p3 === 0 && (p5 & P2_IS_REGISTER) === 0 && roots.has(p2) ? undefined : { reason: "table" };
    default:
      if (WRITES.has(opcode)) return { reason: "writes" };
      return ALLOWED.has(opcode) ? undefined : { reason: "instruction", opcode };
  }
};
