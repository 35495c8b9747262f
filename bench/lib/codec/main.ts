/** Measures codecs in a process of their own, which has run nothing else. */
import { spreadOf } from "../stats.ts";
import { serveParent } from "../worker-process.ts";
import { KINDS } from "./kinds.ts";
import { CONTENDERS, type Contender, DIRECTIONS, type Direction, type Pass, tasksOf } from "./tasks.ts";

export interface CodecCommand {
  /** Of each contender, in short turns with the others. */
  readonly slices: number;
  readonly sliceMs: number;
}

export interface CodecTime {
  readonly kind: string;
  readonly direction: Direction;
  readonly contender: Contender;
  /** For one packet, or one payload. */
  readonly ns: number;
}

/** Long enough for the engine to compile what is run often. */
const WARM_UP_MS = 100;

/** Depends on all results, so that the engine can leave out none of the work. */
let sink = 0;

/** ns of one pass, over at least `ms`. */
const time = (pass: Pass, ms: number): number => {
  const startedAt = process.hrtime.bigint();
  const endAt = startedAt + BigInt(Math.round(ms * 1e6));
  let passes = 0;
  let now = startedAt;
  while (now < endAt) {
    sink += pass();
    passes++;
    now = process.hrtime.bigint();
  }
  return Number(now - startedAt) / passes;
};

const measure = ({ slices, sliceMs }: CodecCommand): CodecTime[] =>
  KINDS.flatMap((kind) => {
    const { groups, tasks } = tasksOf(kind);
    return DIRECTIONS.flatMap((direction) => {
      const contenders = CONTENDERS.map((contender) => ({
        contender,
        pass: tasks[direction][contender],
        times: [] as number[],
      }));
      for (const { pass } of contenders) time(pass, WARM_UP_MS);
      for (let slice = 0; slice < slices; slice++) {
        // Each comes first, in the middle and last as often.
        for (let turn = 0; turn < contenders.length; turn++) {
          const next = contenders[(slice + turn) % contenders.length];
          next?.times.push(time(next.pass, sliceMs));
        }
      }
      return contenders.map(({ contender, times }) => ({
        ...{ kind: kind.name, direction, contender },
        ns: spreadOf(times).median / groups,
      }));
    });
  });

serveParent(async (command: CodecCommand) => {
  const times = measure(command);
  if (Number.isNaN(sink)) throw new Error("A codec gave something without a length.");
  return times;
});
