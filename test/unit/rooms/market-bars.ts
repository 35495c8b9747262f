import * as fc from "fast-check";
import type { Bar, Quantity } from "../../../src/events/bar.ts";

export const bar = (timestamp: number, rest: Partial<Bar> = {}): Bar => ({
  ...{ open: 2, high: 4, low: 1, close: 3, volume: 10, timestamp },
  ...rest,
});

/** Decimals as publishers write them: with zeros at the end, as numbers or strings. */
const quantity: fc.Arbitrary<Quantity> = fc
  .tuple(fc.nat(99_999_999), fc.nat(6), fc.constantFrom("string", "number"))
  .map(([digits, decimals, type]) => {
    const text = (digits / 10 ** decimals).toFixed(decimals);
    return type === "string" ? text : Number(Number(text).toFixed(6));
  })
  .filter((value) => !String(value).includes("e"));

/** Bars of one venue in the order of their time, some of them close together, some days apart. */
export const series: fc.Arbitrary<Bar[]> = fc
  .array(
    fc.record({
      gap: fc.constantFrom(1, 250, 1_000, 1_001, 60_000, 3_599_000, 86_400_000),
      open: quantity,
      high: quantity,
      low: quantity,
      close: quantity,
      volume: quantity,
    }),
    { maxLength: 60 },
  )
  .map((steps) => {
    let timestamp = 1_723_161_600_000;
    return steps.map(({ gap, ...values }) => {
      timestamp += gap;
      return { ...values, timestamp };
    });
  });
