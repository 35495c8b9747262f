import { describe, expect, it } from "vitest";
import { catalogue } from "../../../src/events/catalogue.ts";
import { addressItem } from "../../../src/ingest/envelope.ts";

const bar = catalogue.market_chart_live_update.example;
const market = { event: "market_chart_live_update", data: bar };
const credits = { event: "credits_granted", data: catalogue.credits_granted.example };
const candles = { event: "market_data_response", data: catalogue.market_data_response.example };
const refused = (code: string, message: string) => ({ ok: false, error: { code, message } });

describe("ING-1 where an event goes", () => {
  it.each([
    [market, "market:BTC-USD"],
    [{ ...market, room: "market:BTC-USD" }, "market:BTC-USD"],
    [{ ...market, room: "user:u" }, "user:u"],
    [{ ...market, userId: "u" }, "user:u"],
    [{ ...credits, userId: "u" }, "user:u"],
    [{ ...credits, room: "user:u" }, "user:u"],
    [{ ...credits, room: "user:u", userId: "u" }, "user:u"],
  ])("%#", (item, room) => {
    const body = JSON.stringify([item.event, item.data]);
    expect(addressItem(item)).toMatchObject({ ok: true, value: { room, publication: { body } } });
  });

  it("socketId narrows a personal event, and ING-3 id is kept", () => {
    expect(addressItem({ ...credits, id: "i", userId: "u", socketId: "s" })).toEqual({
      ok: true,
      value: {
        room: "user:u",
        publication: {
          id: "i",
          body: JSON.stringify([credits.event, credits.data]),
          delivery: "durable",
          socketId: "s",
        },
      },
    });
  });

  it("MKT-2 MKT-3 an event of a market's present state says so in the market's room only", () => {
    const publication = { body: JSON.stringify([market.event, bar]), delivery: "volatile" };
    const { symbol: _, ...kept } = bar;
    expect(addressItem(market)).toEqual({
      ok: true,
      value: {
        room: "market:BTC-USD",
        publication: {
          ...publication,
          bar: kept,
          conflationKey: `market_chart_live_update BTC-USD|${bar.timestamp}|`,
        },
      },
    });
    expect(addressItem({ ...market, userId: "u" })).toEqual({
      ok: true,
      value: { room: "user:u", publication },
    });
  });

  it.each<[object, string]>([
    [credits, "Say where the event goes: set userId or room."],
    [{ ...credits, socketId: "s", room: "user:u" }, "socketId needs userId."],
    [{ ...market, socketId: "s" }, "socketId needs userId."],
    [{ ...credits, userId: "a b" }, "userId is not a usable user id."],
    [{ ...credits, userId: "" }, "userId is not a usable user id."],
    [{ ...credits, userId: "u", room: "user:v" }, "room is not the room of userId."],
    [{ ...credits, userId: "u", room: "market:BTC-USD" }, "room is not the room of userId."],
    [{ ...credits, room: "market:BTC-USD" }, "credits_granted is personal: set userId."],
    [{ ...candles, room: "market:BTC-USD" }, "market_data_response is personal: set userId."],
    [candles, "Say where the event goes: set userId or room."],
    [{ ...market, room: "market:ETH-USD" }, "room is not the room of data.symbol."],
    [{ ...credits, room: "admin" }, "room must be user:<userId> or market:<SYMBOL>, such as market:BTC-USD."],
    [
      { ...market, room: "market:btc" },
      "room must be user:<userId> or market:<SYMBOL>, such as market:BTC-USD.",
    ],
  ])("nowhere: %j", (item, message) => {
    expect(addressItem(item)).toEqual(refused("VALIDATION_FAILED", message));
  });
});

describe("ING-1 what is published", () => {
  it.each(["subscribe", "query", "ping", "nonsense", "constructor", "__proto__", ""])(
    "%j is not",
    (event) => {
      expect(addressItem({ event, userId: "u", data: {} })).toEqual(
        refused("NOT_FOUND", "There is no server-to-client event of that name."),
      );
    },
  );

  it("MKT-1 leaves as it came: strings, numbers, order and unknown fields", () => {
    const text =
      '{"symbol":"A-B","timestamp":1,"volume":"1.50","open":1.5,"high":2,"low":"0","close":"1e","x":[1]}';
    const data = { ...JSON.parse(text), close: "1.0" };
    const item = addressItem({ event: "market_chart_live_update", data });
    expect(item).toMatchObject({
      value: { publication: { body: `["market_chart_live_update",${JSON.stringify(data)}]` } },
    });
  });

  it.each<[unknown, string]>([
    [
      { ...market, data: { ...bar, open: "x" } },
      "The data of market_chart_live_update is not valid at open: ",
    ],
    [{ event: "credits_granted", userId: "u" }, "The data of credits_granted is not valid: "],
    [{ ...credits, userid: "u" }, "The envelope is not valid at userid: Unknown field."],
    [{ data: {} }, "The envelope is not valid at event: "],
    [{ ...credits, userId: 7 }, "The envelope is not valid at userId: "],
    [{ ...credits, userId: "u", socketId: "" }, "The envelope is not valid at socketId: "],
    [null, "The envelope is not valid: "],
    [[], "The envelope is not valid: "],
    ["text", "The envelope is not valid: "],
  ])("is checked: %j", (item, message) => {
    const result = addressItem(item);
    expect(result).toMatchObject({ ok: false, error: { code: "VALIDATION_FAILED" } });
    if (!result.ok) expect(result.error.message.startsWith(message)).toBe(true);
  });

  it("holds at most 1,000,000 bytes, as the JSON that goes out", () => {
    const sized = (message: string) => ({
      ...{ event: "activity_logged", userId: "u" },
      data: { activityId: "a", type: "t", message, timestamp: 1 },
    });
    const rest = JSON.stringify(["activity_logged", sized("").data]).length;
    expect(addressItem(sized("x".repeat(1_000_000 - rest)))).toMatchObject({ ok: true });
    const refusal = refused("VALIDATION_FAILED", "An event holds at most 1000000 bytes as JSON.");
    expect(addressItem(sized("x".repeat(1_000_001 - rest)))).toEqual(refusal);
    expect(addressItem(sized("é".repeat(500_000)))).toEqual(refusal);
  });

  it("ING-2 a refusal names the item's id, cut to 200 characters", () => {
    expect(addressItem({ id: "i", event: "nonsense" })).toMatchObject({ error: { id: "i" } });
    expect(addressItem({ id: "i", bad: 1 })).toMatchObject({ error: { id: "i" } });
    expect(addressItem({ id: `${"i".repeat(199)}😀x`, event: "x" })).toMatchObject({
      error: { id: `${"i".repeat(199)}\ufffd` },
    });
    const numeric = addressItem({ id: 7, event: "x" });
    expect(numeric.ok ? undefined : Object.keys(numeric.error)).toEqual(["code", "message"]);
  });
});
