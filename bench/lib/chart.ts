import * as vega from "vega";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Spread } from "./stats.ts";

/** One bar; those of a group stand together. */
export interface Bar extends Spread {
  /** Each part after a comma and a space has a line of its own. */
  readonly group: string;
  readonly series: string;
}

/** Horizontal bars of medians from 0 on, with a line from the lowest to the highest value of each. */
export interface BarChart {
  readonly kind: "bars";
  /** Of its file, without extension. */
  readonly name: string;
  readonly title: string;
  readonly valueTitle: string;
  /** Groups and series are drawn in the order they come in. */
  readonly bars: readonly Bar[];
}

export interface Point {
  readonly series: string;
  readonly x: number;
  readonly y: number;
}

export type Scale = "linear" | "log";

export interface LineChart {
  readonly kind: "lines";
  /** Of its file, without extension. */
  readonly name: string;
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Linear unless told; a logarithmic one shows no point at 0 or below. */
  readonly xScale?: Scale;
  readonly yScale?: Scale;
  readonly points: readonly Point[];
}

export type Chart = BarChart | LineChart;

const WIDTH = 720;
const LINE_HEIGHT = 320;
const BAR_HEIGHT = 18;
const LABEL_LINE_HEIGHT = 14;
/** Readable on white by people who see few colours, too: Okabe and Ito's. */
const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"];
const FONT = "Helvetica, Arial, sans-serif";

const unique = (values: readonly string[]): string[] => [...new Set(values)];

/** The SVG's text; the same chart gives the same text. */
const render = async (title: string, series: readonly string[], spec: object): Promise<string> => {
  const whole = {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    padding: 16,
    // The width of the whole, with axes and legend.
    autosize: { type: "fit", contains: "padding" },
    width: WIDTH,
    title: { text: title, anchor: "start", fontSize: 15, offset: 12 },
    config: {
      font: FONT,
      view: { stroke: null },
      axis: { labelFontSize: 12, titleFontSize: 12, labelLimit: 260, gridColor: "#e5e5e5" },
      legend: { labelFontSize: 12, orient: "bottom", title: null, labelLimit: 400 },
      range: { category: COLOURS.slice(0, Math.max(series.length, 1)) },
    },
    ...spec,
  } as TopLevelSpec;
  const view = new vega.View(vega.parse(compile(whole).spec), { renderer: "none" });
  try {
    return `${await view.toSVG()}\n`;
  } finally {
    view.finalize();
  }
};

const barSvg = ({ title, valueTitle, bars }: BarChart): Promise<string> => {
  const groups = unique(bars.map(({ group }) => group));
  const series = unique(bars.map((bar) => bar.series));
  const lines = Math.max(...groups.map((group) => group.split(", ").length));
  const place = {
    y: {
      ...{ field: "group", type: "nominal", sort: groups, title: null },
      scale: { paddingInner: 0.3 },
      axis: { labelExpr: "split(datum.label, ', ')", labelOffset: (-LABEL_LINE_HEIGHT * (lines - 1)) / 2 },
    },
    yOffset: { field: "series", sort: series },
  };
  return render(title, series, {
    height: groups.length * (series.length + 1) * BAR_HEIGHT + 80,
    data: { values: bars },
    encoding: place,
    layer: [
      {
        mark: "bar",
        encoding: {
          x: { field: "median", type: "quantitative", title: valueTitle, scale: { zero: true } },
          color: { field: "series", type: "nominal", sort: series },
        },
      },
      {
        mark: { type: "rule", strokeWidth: 1.5, color: "#333333" },
        encoding: { x: { field: "min", type: "quantitative" }, x2: { field: "max" } },
      },
    ],
  });
};

const lineSvg = (chart: LineChart): Promise<string> => {
  const { title, xTitle, yTitle, xScale = "linear", yScale = "linear" } = chart;
  const shown = chart.points.filter(
    ({ x, y }) => (xScale === "linear" || x > 0) && (yScale === "linear" || y > 0),
  );
  const series = unique(shown.map((point) => point.series));
  // A logarithmic one has no zero.
  const scaleOf = (type: Scale, zero: boolean) => ({ type, ...(type === "linear" && { zero }) });
  return render(title, series, {
    height: LINE_HEIGHT,
    data: { values: shown },
    mark: { type: "line", point: { size: 24 }, strokeWidth: 2 },
    encoding: {
      x: { field: "x", type: "quantitative", title: xTitle, scale: scaleOf(xScale, false) },
      y: { field: "y", type: "quantitative", title: yTitle, scale: scaleOf(yScale, true) },
      color: { field: "series", type: "nominal", sort: series },
    },
  });
};

/** As SVG text. */
export const drawChart = (chart: Chart): Promise<string> =>
  chart.kind === "bars" ? barSvg(chart) : lineSvg(chart);
