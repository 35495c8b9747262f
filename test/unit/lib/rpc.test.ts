import { describe, expect, it } from "vitest";
import { callRetrying, isRetryable } from "../../../src/lib/rpc.ts";

const fault = (flags: object): Error => Object.assign(new Error("fault"), flags);

describe("which RPC failures are worth another call", () => {
  it.each([
    [{ retryable: true }, true],
    [{ durableObjectReset: true }, true],
    [{ retryable: true, overloaded: true }, false],
    [{ durableObjectReset: true, overloaded: true }, false],
    [{ overloaded: true }, false],
    [{ retryable: false }, false],
    [{ retryable: "true" }, false],
    [{}, false],
  ])("%j: %s", (flags, expected) => {
    expect(isRetryable(fault(flags))).toBe(expected);
  });

  it.each([[undefined], [null], ["retryable"], [1]])("%j is no such failure", (error) => {
    expect(isRetryable(error)).toBe(false);
  });
});

describe("a retrying call", () => {
  const run = async (outcomes: readonly unknown[]) => {
    const pauses: number[] = [];
    let calls = 0;
    const call = async () => {
      const outcome = outcomes[calls++];
      if (outcome instanceof Error) throw outcome;
      return outcome;
    };
    const result = await callRetrying(call, async (ms) => void pauses.push(ms)).catch(
      (error: unknown) => error,
    );
    return { result, calls, pauses };
  };
  const [first, second, third, fourth] = [1, 2, 3, 4].map((n) => fault({ retryable: true, n }));

  it("is made once when it succeeds", async () => {
    expect(await run(["done"])).toEqual({ result: "done", calls: 1, pauses: [] });
  });

  it("is made up to four times with doubling pauses", async () => {
    expect(await run([first, second, third, "done"])).toEqual({
      result: "done",
      calls: 4,
      pauses: [50, 100, 200],
    });
  });

  it("fails with the last error when all four attempts fail", async () => {
    const { result, calls, pauses } = await run([first, second, third, fourth, "never"]);
    expect(result).toBe(fourth);
    expect(calls).toBe(4);
    expect(pauses).toEqual([50, 100, 200]);
  });

  it.each([
    ["plain", fault({})],
    ["overloaded", fault({ retryable: true, overloaded: true })],
  ])("stops at the first %s error", async (_, error) => {
    expect(await run([first, error, "never"])).toEqual({ result: error, calls: 2, pauses: [50] });
  });
});
