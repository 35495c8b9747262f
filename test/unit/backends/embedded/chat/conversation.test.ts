import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ConversationAlarm,
  ConversationCore,
  MAX_AGE_MS,
  MAX_MESSAGES,
  TURN_LEASE_MS,
} from "../../../../../src/backends/embedded/chat/conversation.ts";
import type { Turn } from "../../../../../src/backends/embedded/chat/engine.ts";
import { conversationName } from "../../../../../src/backends/embedded/chat/protocol.ts";
import {
  CUT,
  charactersOf,
  LEFT_OUT,
  MAX_CHARACTERS,
} from "../../../../../src/backends/embedded/chat/turn.ts";
import { Alarms } from "../../../../../src/lib/alarms.ts";
import { FakeClock } from "../../../../support/fakes.ts";
import { TestStorage } from "../../../../support/sqlite.ts";

const open = (storage: TestStorage, clock: FakeClock) =>
  new ConversationCore(storage.sql, new Alarms<ConversationAlarm>(storage, 0), clock.read);

const turn = (message: string, answer = "A.", context = ""): Turn => ({
  message,
  context,
  at: 1_000,
  answer,
});

/** A message that comes and is answered. */
const keep = (core: ConversationCore, id: string, kept: Turn): void => {
  core.begin(id);
  expect(core.keep(id, kept)).toBe(true);
};

const setUp = () => {
  const storage = new TestStorage();
  const clock = new FakeClock();
  return { storage, clock, core: open(storage, clock) };
};

describe("a conversation", () => {
  it("holds its turns in the order in which they ended, also in the object's next life", () => {
    const { storage, clock, core } = setUp();
    keep(core, "m1", turn("one", "1", '{"symbol":"BTC-USDT"}'));
    keep(core, "m2", turn("two ' \u0000 🙂", "2"));
    const expected = [turn("one", "1", '{"symbol":"BTC-USDT"}'), turn("two ' \u0000 🙂", "2")];
    expect(core.turns()).toEqual(expected);
    expect(open(storage, clock).begin("m3")).toEqual({ ok: true, value: expected });
  });

  it("keeps a turn once, however often it is told", () => {
    const { core } = setUp();
    for (let i = 0; i < 3; i++) keep(core, "m1", turn("one"));
    expect(core.turns()).toEqual([turn("one")]);
  });

  it("keeps at most 50 messages: the newest", () => {
    const { core } = setUp();
    for (let i = 0; i < 40; i++) keep(core, `m${i}`, turn(`${i}`));
    expect(MAX_MESSAGES).toBe(50);
    expect(core.turns().map(({ message }) => message)).toEqual(
      Array.from({ length: 25 }, (_, i) => `${i + 15}`),
    );
  });

  it("keeps at most 64,000 characters, in whole turns", () => {
    const { core } = setUp();
    keep(core, "m1", turn("a", "b".repeat(20_000), "c"));
    keep(core, "m2", turn("a".repeat(20_000), "b".repeat(23_998)));
    expect(core.turns()).toHaveLength(2);
    keep(core, "m3", turn("", "x"));
    expect(core.turns().map(({ message }) => message.length)).toEqual([20_000, 0]);
  });

  it("always keeps the newest turn: of one that is too long, what fits, and where it was cut", () => {
    const { core } = setUp();
    const long = "b".repeat(MAX_CHARACTERS);
    const kept = () => core.turns().at(-1) ?? turn("none");
    keep(core, "m1", turn("one", "1"));
    keep(core, "m2", turn("why", long, "{}"));
    expect(core.turns()).toEqual([
      turn("why", `${"b".repeat(MAX_CHARACTERS - 3 - 2 - CUT.length)}${CUT}`, "{}"),
    ]);
    keep(core, "m3", turn("short"));
    expect(core.turns()).toEqual([turn("short")]);
    keep(core, "m4", turn(long, "fine", "{}"));
    expect(kept().message).toMatch(/^b+\n\n\(The rest is not kept: it is too long\.\)$/);
    expect(kept().answer).toBe("fine");
    keep(core, "m5", turn("what", "fine", JSON.stringify({ symbol: "BTC", long })));
    expect(kept()).toEqual(turn("what", "fine", LEFT_OUT));
    keep(core, "m6", turn(long, long, JSON.stringify(long)));
    expect(core.turns().map(charactersOf)).toEqual([MAX_CHARACTERS]);
    expect(() => JSON.parse(kept().context)).not.toThrow();
    keep(core, "m7", turn("🙂", "🙂".repeat(MAX_CHARACTERS)));
    expect(kept().answer.isWellFormed()).toBe(true);
  });

  it("is always the longest run of newest turns that fits", () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, (lengths) => {
        const { core } = setUp();
        const all = lengths.map((length, i) => turn("x".repeat(length), `${i}`.padStart(3, "0")));
        for (const [i, each] of all.entries()) keep(core, `m${i}`, each);
        const expected: Turn[] = [];
        let characters = 0;
        for (const each of all.toReversed()) {
          characters += each.message.length + each.answer.length;
          if (characters > MAX_CHARACTERS || expected.length === MAX_MESSAGES / 2) break;
          expected.unshift(each);
        }
        expect(core.turns()).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });

  it("answers one message at a time", () => {
    const { core } = setUp();
    expect(core.begin("m1").ok).toBe(true);
    expect(core.begin("m2")).toEqual({ ok: false, error: 2 });
    // The call may come twice.
    expect(core.begin("m1").ok).toBe(true);
    core.release("m2");
    expect(core.begin("m2").ok).toBe(false);
    keep(core, "m1", turn("one"));
    expect(core.begin("m2")).toEqual({ ok: true, value: [turn("one")] });
    core.release("m2");
    expect(core.begin("m3").ok).toBe(true);
  });

  it("keeps no turn of a message that was released, or that another has taken the place of", () => {
    const { clock, core } = setUp();
    expect(core.keep("m0", turn("never begun"))).toBe(false);
    core.begin("m1");
    core.release("m1");
    expect(core.keep("m1", turn("cancelled"))).toBe(false);
    core.begin("m2");
    clock.now += TURN_LEASE_MS;
    core.begin("m3");
    core.renew("m2");
    expect(core.keep("m2", turn("late"))).toBe(false);
    expect(core.begin("m4").ok).toBe(false);
    expect(core.keep("m3", turn("three"))).toBe(true);
    expect(core.turns()).toEqual([turn("three")]);
  });

  it("lets the next message in when whoever answered is gone, and not before", () => {
    const { clock, core, storage } = setUp();
    core.begin("m1");
    clock.now += TURN_LEASE_MS - 1;
    expect(core.begin("m2").ok).toBe(false);
    // Nor if the object has been put away meanwhile.
    expect(open(storage, clock).begin("m2").ok).toBe(false);
    clock.now += 1;
    expect(core.begin("m2").ok).toBe(true);
  });

  it("keeps the turn of an answer that was only slow", () => {
    const { clock, core } = setUp();
    core.begin("m1");
    clock.now += 2 * TURN_LEASE_MS;
    expect(core.keep("m1", turn("one"))).toBe(true);
  });

  it("asks to be deleted 30 days after its last message, or after it was opened in vain", () => {
    const { storage, clock, core } = setUp();
    core.begin("m1");
    core.release("m1");
    expect(storage.alarmAt).toBe(clock.now + MAX_AGE_MS);
    clock.now += 1_000_000;
    keep(core, "m2", turn("one"));
    expect(storage.alarmAt).toBe(clock.now + MAX_AGE_MS);
    const later = clock.now + 5;
    clock.now = later;
    open(storage, clock).begin("m3");
    expect(storage.alarmAt).toBe(later - 5 + MAX_AGE_MS);
  });
});

describe("the name of a conversation's object", () => {
  it("is one for each application, user and id, whatever characters they hold", async () => {
    const parts = fc.constantFrom(
      "a",
      "b",
      ":",
      "|",
      '"',
      ",",
      "a:b",
      'a","b',
      "\\",
      "é",
      "e\u0301",
      "\ud800",
      "\ud801",
    );
    const part = fc.array(parts, { minLength: 1, maxLength: 4 }).map((list) => list.join(""));
    const key = fc.tuple(part, part, part);
    await fc.assert(
      fc.asyncProperty(key, key, async (one, other) => {
        const same = one.every((value, i) => value === other[i]);
        expect((await conversationName(...one)) === (await conversationName(...other))).toBe(same);
      }),
    );
    expect(await conversationName("a", "b", "c")).toMatch(/^[0-9a-f]{64}$/);
    expect(await conversationName("a", "b|c", "d")).not.toBe(await conversationName("a", "b", "c|d"));
  });
});
