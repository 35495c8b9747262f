/**
 * The rules by which the codecs are stricter than the reference (docs/codec-strictness.md). Each predicate says from
 * the text alone, and by other means than the codec, whether the text breaks the rule.
 */
export type Rule = {
  id: string;
  title: string;
  /** The reference accepts this text, the codec refuses it. */
  example: string;
  broken: (text: string) => boolean;
};

type Anatomy = { kind: number; count: string; id: string; payload: string };

/** Takes a text apart as loosely as the reference does: to it, white space is a digit. */
function anatomy(text: string): Anatomy {
  const kind = Number(text.charAt(0));
  let rest = text.slice(1);
  let count = "";
  if (kind >= 5) {
    count = rest.split("-", 1)[0] ?? "";
    rest = rest.slice(count.length + 1);
  }
  if (rest.startsWith("/")) rest = rest.includes(",") ? rest.slice(rest.indexOf(",") + 1) : "";
  const id = /^[\d\s]*/.exec(rest)?.[0] ?? "";
  return { kind, count, id, payload: rest.slice(id.length) };
}

const isCanonical = (digits: string): boolean =>
  /^(0|[1-9]\d*)$/.test(digits) && BigInt(digits) <= BigInt(Number.MAX_SAFE_INTEGER);

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function placeholders(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  const object = value as Record<string, unknown>;
  return object._placeholder === true ? [object.num] : Object.values(object).flatMap(placeholders);
}

function depth(value: unknown): number {
  let level = [value];
  for (let count = 0; ; count++) {
    level = level.filter((item) => typeof item === "object" && item !== null);
    if (level.length === 0) return count;
    level = level.flatMap((item) => {
      const object = item as Record<string, unknown>;
      return object._placeholder === true ? [] : Object.values(object);
    });
  }
}

export const ENGINE_RULES: readonly Rule[] = [
  {
    id: "EIO-S1",
    title: "base64 is canonical: padded, no other characters, unused bits zero",
    example: "bAQID BA",
    broken: (text) => text.startsWith("b") && btoa(toLatin1(text.slice(1))) !== text.slice(1),
  },
];

const toLatin1 = (base64: string): string => Buffer.from(base64, "base64").toString("latin1");

export const SOCKET_RULES: readonly Rule[] = [
  {
    id: "SIO-S1",
    title: "the packet type is a digit",
    example: "",
    broken: (text) => !/^[0-6]/.test(text),
  },
  {
    id: "SIO-S2",
    title: "the attachment count is canonical decimal",
    example: '501-["a",{"_placeholder":true,"num":0}]',
    broken: (text) => anatomy(text).kind >= 5 && !/^[1-9]\d*$/.test(anatomy(text).count),
  },
  {
    id: "SIO-S3",
    title: "an ack id is canonical decimal and a safe integer, with no white space around it",
    example: '2 7["a"]',
    broken: (text) => anatomy(text).id !== "" && !isCanonical(anatomy(text).id),
  },
  {
    id: "SIO-S4",
    title: "only events and acks have an ack id",
    example: "05{}",
    broken: (text) => anatomy(text).id !== "" && [0, 1, 4].includes(anatomy(text).kind),
  },
  {
    id: "SIO-S5",
    title: "an event has a payload",
    example: "2/admin,7",
    broken: (text) => [2, 5].includes(anatomy(text).kind) && anatomy(text).payload === "",
  },
  {
    id: "SIO-S6",
    title: "an ack has an id and a payload",
    example: "3[]",
    broken: (text) =>
      [3, 6].includes(anatomy(text).kind) && (anatomy(text).id === "" || anatomy(text).payload === ""),
  },
  {
    id: "SIO-S7",
    title: "a connect error has a payload",
    example: "4/admin,",
    broken: (text) => anatomy(text).kind === 4 && anatomy(text).payload === "",
  },
  {
    id: "SIO-S8",
    title: "placeholders have integer numbers and name each attachment exactly once",
    example: '51-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
    broken: (text) => {
      const { kind, count, payload } = anatomy(text);
      if (kind < 5 || payload === "") return false;
      const found = placeholders(parse(payload));
      const expected = Array.from({ length: Number(count) }, (_, i) => i);
      return found.length !== expected.length || !expected.every((num) => found.some((item) => item === num));
    },
  },
  {
    id: "SIO-S9",
    title: "the data of a binary packet is nested at most 512 levels deep",
    example: `51-["a",{"_placeholder":true,"num":0},${"[".repeat(512)}${"]".repeat(512)}]`,
    broken: (text) => anatomy(text).kind >= 5 && depth(parse(anatomy(text).payload)) > 512,
  },
];
