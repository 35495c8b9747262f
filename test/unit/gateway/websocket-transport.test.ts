import { expect, it } from "vitest";
import { WebSocketTransport } from "../../../src/gateway/websocket-transport.ts";

const create = (fails = false, autoResponseAt: Date | null = null) => {
  const calls: unknown[][] = [];
  const transport = new WebSocketTransport(
    {
      send: (message) => {
        if (fails) throw new TypeError("Can't call WebSocket send() after close().");
        calls.push(["send", message]);
      },
      close: (code, reason) => void calls.push(["close", code, reason]),
      serializeAttachment: (attachment) => void calls.push(["attach", attachment]),
    },
    () => autoResponseAt,
  );
  return { transport, calls };
};

it("a WebSocket transport sends text and bytes as they are, and saves to the attachment", () => {
  const { transport, calls } = create();
  const bytes = new Uint8Array([1]);
  transport.send("2");
  transport.send(bytes);
  transport.save({ id: "s" });
  expect(calls).toEqual([
    ["send", "2"],
    ["send", bytes],
    ["attach", { id: "s" }],
  ]);
  expect(calls[1]?.[1]).toBe(bytes);
});

it("a WebSocket transport swallows what it is given after its end", () => {
  expect(() => create(true).transport.send("2")).not.toThrow();
});

it("a WebSocket transport clears the attachment before it closes, so that no wake restores the session", () => {
  const { transport, calls } = create();
  transport.close("payload too large");
  expect(calls).toEqual([
    ["attach", null],
    ["close", 1009, "payload too large"],
  ]);
});

it("CONN-8 a WebSocket transport knows when the platform last answered a pong", () => {
  expect(create().transport.lastPongAt()).toBeUndefined();
  expect(create(false, new Date(1_234)).transport.lastPongAt()).toBe(1_234);
});
