import { expect, it } from "vitest";
import { recordedBars, recordedTicks } from "../../../bench/lib/recorded-bars.ts";

const START = 1_800_000_000_000;

it("a tick has the newest state of each bar that changed, at the time it is played", () => {
  const ticks = recordedTicks({
    symbols: ["A-USD", "B-USD"],
    speed: 50,
    tickMs: 100,
    ticks: 30,
    startAt: START,
  });
  expect(ticks).toHaveLength(30);
  for (const [tick, bars] of ticks.entries()) {
    const keys = bars.map(({ symbol, timestamp }) => `${symbol} ${timestamp}`);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { timestamp } of bars) expect(timestamp).toBe(START + Math.floor(tick / 10) * 1_000);
  }
  // So fast that something trades in every tick.
  expect(new Set(ticks.map((bars) => bars.length))).toEqual(new Set([2]));
});

it("at its own speed it is the recording, from the symbol's place on", () => {
  const symbols = ["A-USD", "B-USD", "C-USD"];
  const ticks = recordedTicks({ symbols, speed: 1, tickMs: 1, ticks: 500, startAt: START });
  const [first] = ticks.flat().filter(({ symbol }) => symbol === "A-USD");
  const [recorded] = recordedBars("BTC-USD", 1);
  expect(first?.open).toBe(recorded?.open);
  const opens = new Set(symbols.map((name) => ticks.flat().find(({ symbol }) => symbol === name)?.open));
  expect(opens.size).toBe(3);
});

it("a recording that ends begins anew", () => {
  // 304 recorded seconds are over after 10.
  const ticks = recordedTicks({ symbols: ["A-USD"], speed: 50, tickMs: 1_000, ticks: 14, startAt: START });
  expect(ticks.map((bars) => bars.length)).toEqual(ticks.map(() => 1));
});
