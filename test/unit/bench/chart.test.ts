import { describe, expect, it } from "vitest";
import { type Chart, drawChart } from "../../../bench/lib/chart.ts";

const BARS: Chart = {
  kind: "bars",
  name: "bars",
  title: "Deliveries <a second>",
  valueTitle: "deliveries/s",
  bars: ["first", "second"].map((series, index) => ({
    group: "1→1,000",
    series,
    median: 10 + index,
    min: 5,
    max: 20,
  })),
};

const LINES: Chart = {
  kind: "lines",
  name: "lines",
  title: "A bill",
  xTitle: "sockets",
  yTitle: "USD",
  xScale: "log",
  yScale: "log",
  points: [0, 10, 100, 1_000].map((x) => ({ series: "all", x, y: x * 2 })),
};

describe("charts", () => {
  it.each([BARS, LINES])("are SVG of a fixed width on white, the same each time: $kind", async (chart) => {
    const svg = await drawChart(chart);
    expect(svg).toMatch(/^<svg [^>]*width="720"/);
    expect(svg).toContain('fill="white"');
    expect(svg).not.toContain("NaN");
    await drawChart(chart === BARS ? LINES : BARS);
    expect(await drawChart(chart)).toBe(svg);
  });

  it("say what they show", async () => {
    const svg = await drawChart(BARS);
    for (const text of ["Deliveries &lt;a second&gt;", "deliveries/s", "1→1,000", "first", "second"]) {
      expect(svg).toContain(`>${text}</text>`);
    }
  });
});
