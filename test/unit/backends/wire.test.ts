import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AnswerEvent } from "../../../src/backends/answer.ts";
import { decodeAnswer, encodeAnswer } from "../../../src/backends/wire.ts";

async function* stream<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

const collect = async <T>(values: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
};

/** The same bytes in pieces of other sizes, which may split characters. */
const inPieces = async (response: Response, sizes: readonly number[]): Promise<Response> => {
  const bytes = new Uint8Array(await response.arrayBuffer());
  let at = 0;
  let next = 0;
  return new Response(
    new ReadableStream({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        const size = sizes[next++ % sizes.length] ?? 1;
        controller.enqueue(bytes.slice(at, at + size));
        at += size;
      },
    }),
  );
};

const events = fc.array(
  fc.record({ body: fc.json().map((json) => `["query_response",${json},"é😀"]`), terminal: fc.boolean() }),
);

describe("what gateways and the entrypoint say to each other", () => {
  it("arrives as it was sent, however the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        events,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        async (sent, sizes) => {
          const encoded = encodeAnswer({ status: "accepted", events: stream<AnswerEvent>(sent) });
          const answer = await decodeAnswer(await inPieces(encoded, sizes));
          expect(answer.status === "accepted" && (await collect(answer.events))).toEqual(sent);
        },
      ),
    );
  });

  it.each([
    { status: "deferred" },
    {
      status: "refused",
      refusal: { event: "insufficient_credits", data: { required: 1, available: 0, action: "a" } },
    },
    { status: "refused", refusal: { event: "error", data: { code: "NOT_FOUND", message: "é" } } },
  ] as const)("%j too", async (answer) => {
    expect(await decodeAnswer(encodeAnswer(answer))).toEqual(answer);
  });

  it("an answer that is none of ours throws, without what it says", async () => {
    await expect(decodeAnswer(new Response("secret", { status: 500 }))).rejects.toThrow(
      "The request was answered with status 500.",
    );
  });

  it("an answer is read no faster than it is taken, and left when its reader leaves", async () => {
    let made = 0;
    let left = false;
    async function* endless(): AsyncGenerator<AnswerEvent> {
      try {
        for (;;) yield { body: `["query_response",${made++}]`, terminal: false };
      } finally {
        left = true;
      }
    }
    const answer = await decodeAnswer(encodeAnswer({ status: "accepted", events: endless() }));
    if (answer.status !== "accepted") throw new Error("It was accepted.");
    for await (const { body } of answer.events) {
      if (body === '["query_response",4]') break;
    }
    expect(made).toBeLessThan(10);
    expect(left).toBe(true);
  });

  it("an answer that breaks off throws at its reader", async () => {
    async function* breaking(): AsyncGenerator<AnswerEvent> {
      yield { body: "[]", terminal: false };
      throw new Error("gone");
    }
    const answer = await decodeAnswer(encodeAnswer({ status: "accepted", events: breaking() }));
    if (answer.status !== "accepted") throw new Error("It was accepted.");
    await expect(collect(answer.events)).rejects.toThrow();
  });
});
