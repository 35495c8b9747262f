import { describe, expect, it } from "vitest";
import { isSymbol, isUserId, marketRoom, parseRoom, userRoom } from "../../../src/events/rooms.ts";

const part = "A".repeat(20);

describe("ROOM-2 room names", () => {
  it.each(["BTC-USD", "A-B", "1INCH-USDT", "BTC-USD-PERP", `${part}-${part}-${part}`])(
    "%s is a symbol",
    (symbol) => {
      expect(isSymbol(symbol)).toBe(true);
      expect(parseRoom(marketRoom(symbol))).toEqual({ kind: "market", symbol });
    },
  );

  it.each([
    "",
    "BTC",
    "btc-usd",
    "BTC-",
    "-USD",
    "BTC--USD",
    "A-B-C-D",
    `${part}A-USD`,
    `USD-${part}A`,
    "BTC_USD",
    "BTC/USD",
    " BTC-USD",
    "BTC-USD\n",
    "BTC-ÜSD",
  ])("%j is no symbol", (symbol) => {
    expect(isSymbol(symbol)).toBe(false);
    expect(parseRoom(`market:${symbol}`)).toBeUndefined();
  });

  it.each(["a", "user_2abc", "auth0|5f7c", "a:b:c", "me@example.com", "a+b-c.d", "x".repeat(128)])(
    "%s is a user id",
    (userId) => {
      expect(isUserId(userId)).toBe(true);
      expect(parseRoom(userRoom(userId))).toEqual({ kind: "user", userId });
    },
  );

  it.each(["", "x".repeat(129), "a b", "a/b", "a\n", "é", "a\u0000", "<a>"])("%j is no user id", (userId) => {
    expect(isUserId(userId)).toBe(false);
    expect(parseRoom(`user:${userId}`)).toBeUndefined();
  });

  it.each([
    "",
    ":",
    "market",
    "market:",
    "user:",
    "Market:BTC-USD",
    "admin:x",
    " user:a",
    "BTC-USD",
    "__proto__:a",
  ])("%j is no room", (name) => {
    expect(parseRoom(name)).toBeUndefined();
  });

  it("only strings are symbols or user ids", () => {
    for (const value of [undefined, null, 1, ["BTC-USD"], { toString: () => "BTC-USD" }]) {
      expect(isSymbol(value)).toBe(false);
      expect(isUserId(value)).toBe(false);
    }
  });
});
