import { getEventListeners } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import { readText } from "../../../src/lib/read-text.ts";
import { err, ok } from "../../../src/lib/result.ts";
import { settled } from "../../support/fakes.ts";

let aborting: AbortController;
/** Bodies whose source was told to stop. */
let cancelled: number;

beforeEach(() => {
  aborting = new AbortController();
  cancelled = 0;
});

const cancel = () => void cancelled++;

/** A body that comes in these chunks, and then ends. */
const bodyOf = (...chunks: (string | readonly number[])[]) => {
  const rest = [...chunks];
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        const chunk = rest.shift();
        if (chunk === undefined) controller.close();
        else controller.enqueue(typeof chunk === "string" ? Buffer.from(chunk) : Uint8Array.from(chunk));
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
};

const read = (body: ReadableStream<Uint8Array> | null, limit = 100) => readText(body, limit, aborting.signal);

describe("reading a text", () => {
  it("of no body, or an empty one, gives nothing", async () => {
    expect(await read(null)).toEqual(ok(""));
    expect(await read(bodyOf())).toEqual(ok(""));
    expect(await read(bodyOf(""), 0)).toEqual(ok(""));
  });

  it("joins the chunks, whatever characters they split", async () => {
    const text = "aé€😀\ufeffz";
    const bytes = [...Buffer.from(text)].map((byte) => [byte]);
    expect(await read(bodyOf(...bytes))).toEqual(ok(text));
    expect(await read(bodyOf("ab", "", "c"))).toEqual(ok("abc"));
    expect(cancelled).toBe(0);
  });

  it("keeps a byte order mark at the start", async () => {
    expect(await read(bodyOf("\ufeff4a"))).toEqual(ok("\ufeff4a"));
  });
});

describe("a limit", () => {
  it.each([[["12345"]], [["12", "345"]], [["€", "é"]]])("of 5 bytes allows %j", async (chunks) => {
    expect(await read(bodyOf(...chunks), 5)).toEqual(ok(chunks.join("")));
    expect(cancelled).toBe(0);
  });

  it.each([[["123456"]], [["123", "456"]], [["€€"]]])(
    "of 5 bytes refuses %j, and reads no further",
    async (chunks) => {
      const body = bodyOf(...chunks, "n");
      expect(await read(body, 5)).toEqual(err("too large"));
      expect(cancelled).toBe(1);
    },
  );
});

describe("bytes that are no UTF-8", () => {
  it.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0x61, 0xe2, 0x61]]])(
    "are refused, wherever they come: %j",
    async (bytes) => {
      expect(await read(bodyOf("ok", bytes, "ok"))).toEqual(err("not UTF-8"));
      expect(await read(bodyOf(...bytes.map((byte) => [byte])))).toEqual(err("not UTF-8"));
    },
  );

  it.each([[[0xe2]], [[0xe2, 0x82]], [[0xf0, 0x9f, 0x98]]])(
    "are those of a character that the body does not finish: %j",
    async (bytes) => {
      expect(await read(bodyOf("ok", bytes))).toEqual(err("not UTF-8"));
    },
  );

  it("have no effect on the bodies that are read next, or at the same time", async () => {
    const [bad, good, rest] = await Promise.all([
      read(bodyOf("a", [0xe2], [0x82])),
      read(bodyOf("\ufeffé", "b")),
      read(bodyOf([0xac], "c")),
    ]);
    expect([bad, good, rest]).toEqual([err("not UTF-8"), ok("\ufefféb"), err("not UTF-8")]);
    expect(await read(bodyOf([0xac]))).toEqual(err("not UTF-8"));
    expect(await read(bodyOf("\ufeffa"))).toEqual(ok("\ufeffa"));
  });
});

describe("a body that does not come to its end", () => {
  const stalled = () => new ReadableStream<Uint8Array>({ cancel });

  it("is broken when its sender fails", async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from("4a")),
      pull: (controller) => controller.error(new Error("gone")),
    });
    expect(await read(body)).toEqual(err("broken"));
  });

  it("is broken when reading is aborted, and its source is told to stop", async () => {
    const result = read(stalled());
    await settled();
    aborting.abort();
    expect(await result).toEqual(err("broken"));
    expect(cancelled).toBe(1);
  });

  it("is broken when reading was aborted before", async () => {
    aborting.abort();
    expect(await read(stalled())).toEqual(err("broken"));
    expect(cancelled).toBe(1);
  });

  it("is broken when what was read as it was aborted would have been too large", async () => {
    const result = read(bodyOf("123456"), 5);
    aborting.abort();
    expect(await result).toEqual(err("broken"));
  });
});

describe("memory", () => {
  const FIRST = 16_384;

  /** What was taken for a body of these chunks, piece by piece. */
  const taken = async (limit: number, ...chunks: (string | readonly number[])[]) => {
    const pieces: number[] = [];
    const result = await readText(bodyOf(...chunks), limit, aborting.signal, (bytes) => {
      pieces.push(bytes);
    });
    return { pieces, result };
  };

  const zeros = (length: number) => "0".repeat(length);

  it.each<[string, number, number[], number[]]>([
    ["nothing for nothing", 1_000_000, [], []],
    ["once for a small body, however many its chunks", 1_000_000, [1, 10_000, 6_383], [FIRST]],
    ["what a large chunk needs", 1_000_000, [50_000], [50_000]],
    ["twice as much when it is full", 1_000_000, [FIRST, 1, FIRST - 1, 1], [FIRST, FIRST, 2 * FIRST]],
    ["more than twice as much where that is needed", 1_000_000, [1, 100_000], [FIRST, 100_001 - FIRST]],
    ["no more than the limit at once", 100, [1], [100]],
    ["no more than the limit when it grows", 20_000, [FIRST, 1, 3_615], [FIRST, 20_000 - FIRST]],
    ["nothing for a chunk beyond the limit", 20_000, [10, 20_000], [FIRST]],
  ])("is taken, and told of: %s", async (_, limit, chunks, pieces) => {
    const total = chunks.reduce((sum, length) => sum + length, 0);
    expect(await taken(limit, ...chunks.map(zeros))).toEqual({
      pieces,
      result: total > limit ? err("too large") : ok(zeros(total)),
    });
  });

  it("that is too much lets the hearer stop the body", async () => {
    const result = readText(bodyOf("a", "b"), 100, aborting.signal, () => aborting.abort());
    expect(await result).toEqual(err("broken"));
    expect(cancelled).toBe(1);
  });
});

it("a source that cannot be stopped does not matter", async () => {
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Buffer.from("123456")),
    cancel: () => Promise.reject(new Error("cannot")),
  });
  expect(await read(body, 5)).toEqual(err("too large"));
  // An unhandled rejection would fail the run.
  await settled();
});

it.each<[string, ReadableStream<Uint8Array>]>([
  ["has ended", bodyOf("4a")],
  ["was refused", bodyOf("4".repeat(101))],
  ["has failed", new ReadableStream({ start: (controller) => controller.error(new Error("gone")) })],
])("nothing listens to the signal when a body %s", async (_, body) => {
  const result = read(body);
  expect(getEventListeners(aborting.signal, "abort").length).toBe(1);
  await result;
  expect(getEventListeners(aborting.signal, "abort")).toEqual([]);
});
