import { describe, expect, it } from "vitest";
import { KINDS } from "../../../bench/lib/codec/kinds.ts";
import { CONTENDERS, DIRECTIONS, tasksOf } from "../../../bench/lib/codec/tasks.ts";

describe("codec benchmark", () => {
  for (const kind of KINDS) {
    it(`gives every contender work with each ${kind.name}, on which the codecs agree`, () => {
      const { groups, tasks } = tasksOf(kind);
      expect(groups).toBeGreaterThan(10);
      for (const direction of DIRECTIONS) {
        for (const contender of CONTENDERS) expect(tasks[direction][contender]()).toBeGreaterThan(0);
      }
    });
  }
});
