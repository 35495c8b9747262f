/** Understands a question in English: the whole of it, or not at all. Pure. */
import { err, ok, type Result } from "../../../../lib/result.ts";
import type { Table } from "../../dataset/schema.ts";
import type { Concept } from "./lexicon.ts";
import type { AddressQuestion, LabelQuestion, Question, TransferQuestion } from "./question.ts";
import { fitting, only, type Reading, readWords } from "./reading.ts";
import { timePhrases } from "./time-phrases.ts";
import { tokensOf } from "./tokens.ts";
import { MEASURING, type TradeSurroundings, tradeQuestion } from "./trade-question.ts";

export interface Surroundings extends TradeSurroundings {
  /** When the question came, in ms since the epoch. */
  readonly now: number;
}

const FOLLOW_UP = /^\W*(?:and|so|then|also|ok|okay|now|what about|how about)\b/i;

const SQL = /^\W*(?:select|insert|update|delete|drop|create|alter|pragma|attach)\b/i;

const GREETING = /^\W*(?:hello|hi|hey)\b\W*(?=\w)/i;

/** The question, or a sentence that says why it is not understood. */
export const understand = (message: string, around: Surroundings): Result<Question, string> => {
  const text = message.replace(GREETING, "").replace(/\bmost recent\b/gi, "recent");
  if (SQL.test(text)) return err("That looks like SQL, which query runs; I take questions in English.");
  const tokens = tokensOf(text);
  if (tokens === undefined) return err("That is too long a question for me.");
  const phrases = timePhrases(tokens, around.now);
  if (phrases === undefined) return err("I take one span of time in a question.");
  const { span, resolution, rest } = phrases;
  const words = readWords(rest, around.symbols);
  if (!words.ok) return words;
  const followUp = around.previous !== undefined && FOLLOW_UP.test(text);
  return questionOf({ ...words.value, span, resolution, followUp }, around);
};

const questionOf = (reading: Reading, around: Surroundings): Result<Question, string> => {
  const { concepts, addresses, followUp } = reading;
  const { previous } = around;
  const has = (...some: Concept[]): boolean => some.some((concept) => concepts.has(concept));
  const pointsBack = followUp || has("it");
  if (addresses.length > 1) return err("I take one address at a time.");
  const aboutAddress =
    has("sanction", "label", "exposure", "transfer") || (concepts.size === 0 && reading.assets.length === 0);
  if (addresses.length === 1 || (previous?.about === "address" && pointsBack && aboutAddress)) {
    return addressQuestion(reading, previous?.about === "address" ? previous : undefined);
  }
  if (has("help") && reading.coins.length === 0) return ok({ about: "help" });
  if (has("row") || (has("count") && has("candles"))) return rowsQuestion(reading);
  if (has("transfer")) return transferQuestion(reading);
  if (has("sanction", "label", "address")) return labelQuestion(reading);
  const measured = [...concepts].some(
    (concept) => MEASURING.has(concept) && concept !== "range" && concept !== "count",
  );
  if (has("table") && !measured) return rowsQuestion(reading);
  const aboutData = has("symbol", "data") || (has("time") && has("range", "trade"));
  if (aboutData && !measured && !has("price") && reading.coins.length === 0) {
    return fitting(reading, ["symbol", "data", "time", "range", "trade", "count", "total", "each"], {
      about: "symbols",
    });
  }
  if (
    followUp &&
    previous?.about === "transfers" &&
    only(reading, ["high", "count", "usd", "value", "total"])
  ) {
    return transferQuestion(reading, previous);
  }
  if (followUp && previous?.about === "labels" && only(reading, ["count"]))
    return labelQuestion(reading, previous);
  return tradeQuestion(reading, around);
};

const chainOf = ({ chains }: Reading): string | undefined => chains[0];

/** Words that an answer about an address may answer. */
const LABEL_WORDS: readonly Concept[] = ["address", "sanction", "label", "count", "data", "it"];

const ADDRESS_WORDS: Readonly<Record<AddressQuestion["aspect"], readonly Concept[]>> = {
  labels: LABEL_WORDS,
  transfers: ["address", "transfer", "usd", "value", "much", "count", "total", "data", "it"],
  exposure: [...LABEL_WORDS, "exposure", "usd", "value", "much"],
  everything: ["address", "data", "it"],
};

const addressQuestion = (
  reading: Reading,
  previous: AddressQuestion | undefined,
): Result<Question, string> => {
  const { concepts, addresses, followUp } = reading;
  const has = (...some: Concept[]): boolean => some.some((concept) => concepts.has(concept));
  const address = addresses[0] ?? previous?.address ?? "";
  const chain = chainOf(reading) ?? (addresses.length === 0 ? previous?.chain : undefined);
  const labels = has("sanction", "label");
  const before = (followUp ? previous?.aspect : undefined) ?? "everything";
  if (has("transfer") && (labels || has("exposure"))) {
    return err("Ask for the labels of an address, its transfers, or its exposure, one at a time.");
  }
  const asked = has("transfer") ? "transfers" : labels ? "labels" : before;
  const aspect = has("exposure") ? "exposure" : asked;
  return fitting(reading, ADDRESS_WORDS[aspect], {
    about: "address",
    aspect,
    address,
    ...(chain === undefined ? {} : { chain }),
  });
};

const rowsQuestion = (reading: Reading): Result<Question, string> => {
  const { concepts } = reading;
  const tables: Table[] = [];
  if (concepts.has("trade")) tables.push("trades");
  if (concepts.has("transfer")) tables.push("transfers");
  if (concepts.has("label") || concepts.has("address")) tables.push("address_labels");
  if (concepts.has("candles")) tables.push("bars");
  if (tables.length > 1 || reading.coins.length > 0 || reading.chains.length > 0) {
    return err("I count the rows of one table, or of each, but not of a part of it.");
  }
  const [table] = tables;
  return fitting(
    reading,
    [
      ...(["row", "table", "count", "total", "each", "data", "it"] as const),
      ...(["trade", "transfer", "label", "address", "candles"] as const),
    ],
    { about: "rows", ...(table === undefined ? {} : { table }) },
  );
};

/** `before`: the question that this one goes on from. */
const transferQuestion = (reading: Reading, before?: TransferQuestion): Result<Question, string> => {
  const { concepts } = reading;
  const span = reading.span ?? before?.span ?? { kind: "all" };
  const chain = chainOf(reading) ?? before?.chain;
  const measure = concepts.has("high")
    ? "largest"
    : concepts.size > 0
      ? "totals"
      : (before?.measure ?? "totals");
  // Of the largest its time and size, of all their number and the time that they range over.
  const ofMeasure: readonly Concept[] =
    measure === "largest"
      ? ["high", "size"]
      : ["count", "total", ...(concepts.has("time") ? (["range"] as const) : [])];
  return fitting(reading, ["transfer", "usd", "value", "much", "data", "time", ...ofMeasure], {
    about: "transfers",
    measure,
    span,
    ...(chain === undefined ? {} : { chain }),
  });
};

const labelQuestion = (reading: Reading, before?: LabelQuestion): Result<Question, string> => {
  const chain = chainOf(reading) ?? before?.chain;
  return fitting(reading, ["sanction", "label", "address", "count", "total", "data"], {
    about: "labels",
    sanctioned: before?.sanctioned ?? reading.concepts.has("sanction"),
    ...(chain === undefined ? {} : { chain }),
  });
};
