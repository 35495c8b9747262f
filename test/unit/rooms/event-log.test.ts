import { beforeEach, describe, expect, it } from "vitest";
import { EventLog } from "../../../src/rooms/event-log.ts";
import { TestStorage } from "../../support/sqlite.ts";

let storage: TestStorage;
let log: EventLog;

beforeEach(() => {
  storage = new TestStorage();
  log = new EventLog(storage.sql, "E-1");
});

/** Appends events `["e",<from>]` to `["e",<to>]`, each at the time of its number. */
const append = (from: number, to = from) => {
  for (let n = from; n <= to; n++) log.append(`["e",${n}]`, undefined, n);
};

const seqs = (after = 0) => log.after(after).map(({ seq }) => seq);

const state = () => ({ last: log.last, trimmed: log.trimmed, seqs: seqs() });

describe("USER-1 a log", () => {
  it("numbers events from 1 and gives each its offset, the last argument of its body", () => {
    expect(state()).toEqual({ last: 0, trimmed: 0, seqs: [] });
    expect(log.append('["e",{"a":1}]', undefined, 5)).toEqual({ seq: 1, body: '["e",{"a":1},"E-1.1"]' });
    append(6);
    expect(log.after(0)).toEqual([
      { seq: 1, body: '["e",{"a":1},"E-1.1"]' },
      { seq: 2, body: '["e",6,"E-1.2"]' },
    ]);
    expect(log.after(1).map(({ seq }) => seq)).toEqual([2]);
    expect(log.after(2)).toEqual([]);
    expect(log.last).toBe(2);
  });

  it("keeps for which socket an event is", () => {
    const event = { seq: 1, body: '["e","E-1.1"]', socketId: "s1" };
    expect(log.append('["e"]', "s1", 5)).toEqual(event);
    expect(log.after(0)).toEqual([event]);
  });

  it("keeps any text as it was", () => {
    const text = `["e",{"t":"${"\u2028é😀'\\\\\\\""}]"}]`;
    log.append(text, undefined, 1);
    expect(JSON.parse(log.after(0)[0]?.body ?? "")).toEqual([...JSON.parse(text), "E-1.1"]);
  });

  it("outlives the object with its epoch, whatever name a new one would have got", () => {
    append(1, 3);
    log.trim(2, 10);
    log = new EventLog(storage.sql, "other");
    expect(log.epoch).toBe("E-1");
    expect(state()).toEqual({ last: 3, trimmed: 1, seqs: [2, 3] });
    append(4);
    expect(log.after(3)).toEqual([{ seq: 4, body: '["e",4,"E-1.4"]' }]);
  });

  it("leaves no trace of a transaction that is rolled back, and numbers on without a gap", () => {
    append(1);
    const fill = () =>
      storage.transactionSync(() => {
        append(2, 3);
        log.settle();
        log.trim(2, 1);
        throw new Error("no");
      });
    expect(fill).toThrow("no");
    expect(state()).toEqual({ last: 1, trimmed: 0, seqs: [1] });
    expect(log.unsettled().map(({ seq }) => seq)).toEqual([1]);
    expect(log.append('["e"]', undefined, 4).seq).toBe(2);
  });
});

describe("USER-1 trimming a log", () => {
  beforeEach(() => append(1, 5));

  it("removes what was appended before a time", () => {
    log.trim(3, 10);
    expect(state()).toEqual({ last: 5, trimmed: 2, seqs: [3, 4, 5] });
    expect(log.oldestAt).toBe(3);
  });

  it("keeps at most so many of the newest, though young", () => {
    log.trim(0, 2);
    expect(state()).toEqual({ last: 5, trimmed: 3, seqs: [4, 5] });
  });

  it("does both, and nothing when nothing is due", () => {
    log.trim(5, 2);
    expect(state()).toEqual({ last: 5, trimmed: 4, seqs: [5] });
    log.trim(2, 3);
    expect(state()).toEqual({ last: 5, trimmed: 4, seqs: [5] });
  });

  it("never leads to a number twice, though all is gone, in this life or the next", () => {
    log.trim(100, 10);
    expect(state()).toEqual({ last: 5, trimmed: 5, seqs: [] });
    expect(log.oldestAt).toBeUndefined();
    log = new EventLog(storage.sql, "other");
    expect(log.last).toBe(5);
    append(101);
    expect(log.after(5)).toEqual([{ seq: 6, body: '["e",101,"E-1.6"]' }]);
  });

  it("leaves no gap where the clock went back", () => {
    log.append('["e"]', undefined, 2);
    log.trim(3, 10);
    expect(state()).toEqual({ last: 6, trimmed: 6, seqs: [] });
  });

  it("is foretold by the number of the last event before a time", () => {
    expect([0, 1, 2, 5, 6, 100].map((before) => log.lastBefore(before))).toEqual([0, 0, 1, 4, 5, 5]);
    log.trim(100, 10);
    expect(log.lastBefore(100)).toBe(0);
  });

  it("reaches back to what was trimmed last, and not beyond its end", () => {
    log.trim(3, 10);
    expect([0, 1, 2, 3, 5, 6].map((seq) => log.reaches(seq))).toEqual([
      false,
      false,
      true,
      true,
      true,
      false,
    ]);
    log.trim(100, 10);
    expect([4, 5, 6].map((seq) => log.reaches(seq))).toEqual([false, true, false]);
  });
});

describe("USER-2 offsets", () => {
  it("of this log give their number", () => {
    expect(["E-1.1", "E-1.0", "E-1.123456789012345"].map((offset) => log.seqOf(offset))).toEqual([
      1, 0, 123_456_789_012_345,
    ]);
  });

  it.each([
    undefined,
    "",
    "E-1",
    "E-1.",
    ".1",
    "1",
    "other.1",
    "e-1.1",
    "E-1.-1",
    "E-1.1.1",
    "E-1.1e3",
    "E-1. 1",
    "E-1.1\n",
    "E-1.1234567890123456",
    `${"E".repeat(33)}.1`,
    "x E-1.1",
    "dGVzdA-1700000000000",
  ])("%j gives none", (offset) => {
    expect(log.seqOf(offset)).toBeUndefined();
  });
});

describe("USER-1 what is settled", () => {
  it("is all there was then; the rest is not known to have arrived", () => {
    append(1, 2);
    expect(log.unsettled().map(({ seq }) => seq)).toEqual([1, 2]);
    log.settle();
    expect(log.unsettled()).toEqual([]);
    append(3);
    expect(new EventLog(storage.sql, "other").unsettled()).toEqual([{ seq: 3, body: '["e",3,"E-1.3"]' }]);
  });

  it("is all that is left of a log that was trimmed further", () => {
    append(1, 4);
    log.trim(4, 10);
    expect(log.unsettled().map(({ seq }) => seq)).toEqual([4]);
    log.trim(100, 10);
    log.settle();
    append(5);
    expect(log.unsettled().map(({ seq }) => seq)).toEqual([5]);
  });
});
