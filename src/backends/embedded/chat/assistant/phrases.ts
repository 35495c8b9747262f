/** How figures and times are written in an answer. Pure. */
import Big from "big.js";
import type { Moment, TimeSpan } from "./question.ts";

export type Cell = string | number | null | undefined;

/** A number as it is in the row, without an exponent. */
export const figure = (value: Cell): string => {
  if (typeof value === "number" && Number.isFinite(value)) return new Big(value).toFixed();
  return typeof value === "string" ? value : "unknown";
};

/** `2024-08-09 00:01:02.345 UTC`, without what is zero at its end. */
export const time = (ms: Cell): string => {
  const date = new Date(typeof ms === "number" ? ms : Number.NaN);
  if (Number.isNaN(date.getTime())) return "an unknown time";
  const [day = "", clock = ""] = date.toISOString().slice(0, -1).split("T");
  return `${day} ${clock.replace(/\.000$/, "")} UTC`;
};

const MINUTE = 60_000;

/** `5 minutes`. */
export const duration = (ms: number): string => {
  const units = [
    [86_400_000, "day"],
    [3_600_000, "hour"],
    [MINUTE, "minute"],
    [1_000, "second"],
    [1, "millisecond"],
  ] as const;
  const [unit, name] = units.find(([size]) => ms % size === 0) ?? [1, "millisecond"];
  return `${figure(ms / unit)} ${name}${ms === unit ? "" : "s"}`;
};

/** After "the last": `minute`, `5 minutes`. */
const stretch = (ms: number): string => duration(ms).replace(/^1 /, "");

const LAST_DAY = " of the last day of the data";

const moment = ({ base, ms }: Moment): string => {
  if (base === "epoch") return time(ms);
  return ms >= 86_400_000 ? "24:00:00 UTC" : time(ms).slice("1970-01-01 ".length);
};

const dayOf = (moment: Moment | undefined): string => (moment?.base === "last-day" ? LAST_DAY : "");

/** With a space before it; empty for all the data. */
export const during = (span: TimeSpan): string => {
  switch (span.kind) {
    case "all":
      return "";
    case "between": {
      const { from, to } = span;
      const day = dayOf(from ?? to);
      if (from === undefined) return to === undefined ? "" : ` before ${moment(to)}${day}`;
      if (to === undefined) return ` since ${moment(from)}${day}`;
      return ` from ${moment(from)} to ${moment(to)} (itself not included)${day}`;
    }
    case "at":
      return ` in the ${stretch(span.lasts)} from ${moment(span.moment)}${dayOf(span.moment)}`;
    case "last":
      return ` in the last ${stretch(span.ms)} of the data`;
    case "first":
      return ` in the first ${stretch(span.ms)} of the data`;
    default:
      return span satisfies never;
  }
};

/** Until and with a time that is named alone. */
export const upTo = (span: TimeSpan): string =>
  span.kind === "at" ? ` up to ${moment(span.moment)}${dayOf(span.moment)}` : during(span);

export const plural = (count: Cell, one: string, many = `${one}s`): string =>
  `${figure(count)} ${count === 1 ? one : many}`;

/** `a, b and c`. */
export const enumerated = (items: readonly string[]): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
