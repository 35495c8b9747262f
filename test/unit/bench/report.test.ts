import { describe, expect, it } from "vitest";
import { cell, count, decimals, formatGoals, judge, ratios, thousands } from "../../../bench/lib/report.ts";
import { percentile, spreadOf } from "../../../bench/lib/stats.ts";
import { inTurn } from "../../../bench/lib/turns.ts";

describe("statistics of a benchmark", () => {
  it("takes the middle value, or the mean of the two in the middle, and the ends", () => {
    expect(spreadOf([3, 1, 10])).toEqual({ median: 3, min: 1, max: 10 });
    expect(spreadOf([4, 1, 10, 2])).toEqual({ median: 3, min: 1, max: 10 });
    expect(() => spreadOf([])).toThrow("Nothing was measured.");
  });

  it("takes the lowest value that the share does not exceed", () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([0, 0.5, 0.99, 1].map((p) => percentile(values, p))).toEqual([1, 50, 99, 100]);
  });

  it("compares what was measured in the same round", () => {
    const rows = [
      { round: 0, contender: "a", speed: 30 },
      { round: 0, contender: "b", speed: 10 },
      { round: 1, contender: "b", speed: 40 },
      { round: 1, contender: "a", speed: 20 },
      { round: 2, contender: "a", speed: 7 },
    ];
    expect(ratios(rows, "a", "b", ({ speed }) => speed)).toEqual([3, 0.5]);
    expect(ratios(rows, "a", "b", () => 0)).toEqual([]);
  });

  it("reverses the order each second round", () => {
    expect([0, 1, 2].map((round) => inTurn(["a", "b"], round).join(""))).toEqual(["ab", "ba", "ab"]);
  });
});

describe("the report of a benchmark", () => {
  it("prints a median with its spread, and a dash where nothing is known", () => {
    expect(cell([12_340, undefined, 10_000, 99_960], thousands)).toBe("12.3k (10.0k–100.0k)");
    expect(cell([undefined], decimals(1))).toBe("–");
    expect(count(1_000)).toBe("1,000");
  });

  it("judges a goal by the median, and says plainly what is not met", () => {
    const goals = [
      judge("fast", [1, 0.95, 0.9], { atLeast: 0.95 }, decimals(2)),
      judge("quick", [251], { atMost: 250 }, decimals(0)),
      judge("measured", [], { atMost: 250 }, decimals(0)),
    ];
    expect(goals.map(({ met }) => met)).toEqual([true, false, false]);
    expect(formatGoals(goals).split("\n")).toEqual([
      "| goal     | measured         | met    |",
      "| -------- | ---------------- | ------ |",
      "| fast     | 0.95 (0.90–1.00) | yes    |",
      "| quick    | 251              | **no** |",
      "| measured | –                | **no** |",
    ]);
  });
});
