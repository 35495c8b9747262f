import { describe, expect } from "vitest";
import type { It } from "./client.ts";
import { join, joined, settle } from "./socketio-client.ts";
import { type Packet, type Wire, within } from "./wire.ts";

const slot = (num: number): string => `{"_placeholder":true,"num":${num}}`;
const BYTES = new Uint8Array([1]);

/** First packets of a session that has joined nothing. */
const BEFORE_CONNECT: readonly (readonly [string, string])[] = [
  ["an event", '42["message"]'],
  ["an event in a namespace", '42/custom,["message"]'],
  ["an ack", "430[]"],
  ["a DISCONNECT", "41"],
  ["a CONNECT_ERROR", '44{"message":"x"}'],
  ["text that is no packet", "4abc"],
  ["an unknown packet type", "47"],
  ["a CONNECT with an array", "40[]"],
  ["a CONNECT with a text", '40"token"'],
  ["a CONNECT with broken JSON", '40{"token"'],
];

/** What a client that has joined `/` must not send. */
const AFTER_CONNECT: readonly (readonly [string, ...Packet[]])[] = [
  ["an unknown packet type", "47"],
  ["a packet type that is no digit", "4x"],
  ["an event whose payload is an object", "42{}"],
  ["an event whose payload is a text", '42"message"'],
  ["an event without a name", "42[]"],
  ["an event whose name is null", "42[null]"],
  ["an event whose name is an object", "42[{}]"],
  ["an event whose name is a boolean", "42[true]"],
  ["text before the payload", '42abc["x"]'],
  ["JSON that is not terminated", '42["message"'],
  ["JSON that is invalid", '42["message",undefined]'],
  ["text after the payload", '42["message"]x'],
  ["a second CONNECT", "40"],
  ["a second CONNECT with a payload", '40{"token":"abc"}'],
  ["a CONNECT_ERROR", '44{"message":"x"}'],
  ["an ack whose payload is an object", "430{}"],
  ["a DISCONNECT with a payload", "41[]"],
  ["an event in a namespace that is not connected", '42/custom,["message"]'],
  ["a DISCONNECT from a namespace that is not connected", "41/custom,"],
  ["the reserved event connect", '42["connect"]'],
  ["the reserved event connect_error", '42["connect_error"]'],
  ["the reserved event disconnect", '42["disconnect"]'],
  ["the reserved event disconnecting", '42["disconnecting"]'],
  ["the reserved event newListener", '42["newListener"]'],
  ["the reserved event removeListener", '42["removeListener"]'],
  ["a binary event without a count", '45["message"]'],
  ["a binary event with no attachments", '450-["message"]'],
  ["a binary event whose count is no number", '45x-["message"]'],
  ["more attachments than a packet may have", '4511-["message"]'],
  ["text where an attachment is due", `451-["message",${slot(0)}]`, '42["message"]'],
  ["an attachment where none is due", BYTES],
  ["one attachment too many", `451-["unknown",${slot(0)}]`, BYTES, BYTES],
  ["a placeholder for no attachment", `451-["message",${slot(3)}]`, BYTES],
  ["a placeholder of a negative number", `451-["message",${slot(-1)}]`, BYTES],
  ["a placeholder that is numbered with text", '451-["message",{"_placeholder":true,"num":"0"}]', BYTES],
];

/** The session ends by itself, since its client answers pings, and nothing was sent before. */
const expectEnd = async (wire: Wire): Promise<void> => {
  await within(wire.closed, "the end of the session", 5_000);
  await expect(wire.receive()).rejects.toThrow("The server ended the session");
};

export const errorTests = (it: It): void => {
  for (const transport of ["polling", "websocket"] as const) {
    describe(`bad input over ${transport}`, { concurrent: true }, () => {
      it.for(BEFORE_CONNECT)(
        "ends a session that begins with %s [CONN-9]",
        async ([, packet], { client }) => {
          const wire = await client.wire(transport, "socket.io");
          wire.send(packet);
          await expectEnd(wire);
        },
      );

      it.for(AFTER_CONNECT)("ends a session on %s [CONN-9]", async ([, ...packets], { client }) => {
        const wire = await joined(client, transport);
        wire.send(...packets);
        await expectEnd(wire);
      });

      it("ends a session on an event in a namespace that it has left [CONN-9]", async ({ client }) => {
        const wire = await joined(client, transport);
        await join(wire, "/custom");
        wire.send("41");
        await settle(wire);
        wire.send('42["message"]');
        await expectEnd(wire);
      });

      it("ends a session on a namespace left twice [CONN-9]", async ({ client }) => {
        const wire = await joined(client, transport);
        wire.send("41");
        await settle(wire);
        wire.send("41");
        await expectEnd(wire);
      });

      it("ends all namespaces of a session, and no other session [CONN-9]", async ({ client }) => {
        const wire = await joined(client, transport);
        await join(wire, "/custom");
        const bystander = await joined(client, transport);
        wire.send("42{}");
        await expectEnd(wire);
        bystander.send('42["message","alive"]');
        expect(await bystander.receive()).toBe('42["message-back","alive"]');
      });

      it("goes on after ten attachments, and takes ten again [CONN-9]", async ({ client }) => {
        const wire = await joined(client, transport);
        const slots = Array.from({ length: 10 }, (_, num) => slot(num)).join(",");
        for (let turn = 0; turn < 2; turn++) {
          wire.send(`4510-["message",${slots}]`, ...Array<Packet>(10).fill(BYTES));
          expect(await wire.receive()).toBe(`4510-["message-back",${slots}]`);
          for (let num = 0; num < 10; num++) expect(await wire.receive()).toEqual(BYTES);
        }
      });
    });
  }

  it("tells the next GET, if none waited, that the session has ended [CONN-10]", async ({ client }) => {
    const session = await client.polling("socket.io");
    await session.post("40");
    expect((await session.collect(2)).at(-1)).toBe('42["auth",{}]');
    await session.post('42["message","last"]');
    expect((await session.post("42{}")).status).toBe(200);
    expect(await session.collect(2)).toEqual(['42["message-back","last"]', "1"]);
    expect((await session.get()).status).toBe(400);
  });
};
