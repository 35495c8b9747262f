import { beforeEach, describe, expect, it } from "vitest";
import { isRequestName } from "../../../src/backends/backend.ts";
import { catalogue } from "../../../src/events/catalogue.ts";
import { type FakeClient, FakeGateway } from "./fake-gateway.ts";

let client: FakeClient;

beforeEach(async () => {
  client = await new FakeGateway().connect();
});

const invalid = (event: string, message: string, issues: unknown) => ({
  code: "VALIDATION_FAILED",
  message,
  event,
  issues,
});

describe("ERR-1 events that are refused", () => {
  it.each(["nonsense", "constructor", "__proto__", "subscribed", "market_chart_live_update", ""])(
    "%j is no event of clients",
    (name) => {
      client.emit(name, { room: "market:BTC-USD" }, 1);
      const error = invalid(name, "There is no such event.", [{ path: "", message: "Unknown event" }]);
      expect(client.take()).toEqual([["validation_error", error], { id: 1, data: [{ error }] }]);
    },
  );

  it("a long name is repeated cut, with no half of a character", () => {
    client.emit(`${"x".repeat(99)}😀`);
    expect(client.take()).toEqual([
      [
        "validation_error",
        invalid(`${"x".repeat(99)}\ufffd`, "There is no such event.", [
          { path: "", message: "Unknown event" },
        ]),
      ],
    ]);
  });

  it("a bad payload names the event and the fields", () => {
    client.emit("query", { sql: "", applicationId: "app", extra: 1 }, 2);
    const error = invalid("query", "The payload of query is not valid.", [
      { path: "sql", message: "Too small: expected string to have >=1 characters" },
      { path: "extra", message: "Unknown field" },
    ]);
    expect(client.take()).toEqual([["validation_error", error], { id: 2, data: [{ error }] }]);
  });

  it("a room that is no string, or longer than any, is a malformed payload", () => {
    for (const room of [1, "", `market:${"A".repeat(200)}`]) client.emit("subscribe", { room });
    client.emit("subscribe");
    client.emit("unsubscribe", {});
    expect(client.take().map((event) => (event as string[])[0])).toEqual(Array(5).fill("validation_error"));
  });

  it("a second payload is refused", () => {
    client.send('42["subscribe",{"room":"market:BTC-USD"},1]');
    client.send('42["ping",null]');
    expect(client.take()).toEqual([
      [
        "validation_error",
        invalid("subscribe", "The payload of subscribe is not valid.", [
          { path: "", message: "Expected one payload" },
        ]),
      ],
      ["validation_error", expect.objectContaining({ event: "ping" })],
    ]);
  });
});

it("ping is answered with the time, as event and as ack", () => {
  client.emit("ping", undefined, 4);
  expect(client.take()).toEqual([["pong", { timestamp: 1_234 }], { id: 4, data: [{ timestamp: 1_234 }] }]);
});

it("REQ-1 these are all events of clients; those that a backend answers say what ends the answer", () => {
  const requests = Object.values(catalogue).filter(({ direction }) => direction === "client-to-server");
  expect(requests.map(({ name }) => name).sort()).toEqual([
    "address_analysis",
    "address_transactions",
    "chat",
    "cross_border_flows",
    "ping",
    "query",
    "request_market_data",
    "subscribe",
    "unsubscribe",
  ]);
  for (const { name } of requests) {
    const ours = ["ping", "subscribe", "unsubscribe"].includes(name);
    expect(isRequestName(name)).toBe(!ours);
  }
});
