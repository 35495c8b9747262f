import { describe, expect } from "vitest";
import { type It, TRANSPORTS } from "./client.ts";
import { joined } from "./socketio-client.ts";
import type { Packet } from "./wire.ts";

const slot = (num: number): string => `{"_placeholder":true,"num":${num}}`;
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

/** JSON of the arguments after the event's name, as JSON.stringify writes it. */
const ARGUMENTS: readonly (readonly [string, string])[] = [
  ["no arguments", ""],
  ["one of each type", ',1,"2",null,true,false,-1.5,[],{}'],
  ["nested values", ',{"a":[{"b":[[["c"]]]},{"d":{}}],"":null}'],
  ["Unicode", ',"é€漢字👩‍👩‍👧𝒳\u2028\u2029","","\\"\\\\\\n\\u0000"'],
  ["Unicode in keys", ',{"ключ":{"😀":1}}'],
  ["text that looks like packets", ',"42[\\"x\\"]","1-/custom,5[]","{\\"_placeholder\\":true}"'],
  ["numbers at the limits", ",9007199254740991,-9007199254740991,5e-324,1.7976931348623157e+308"],
  ["many arguments", `,${Array.from({ length: 200 }, (_, index) => index).join(",")}`],
];

/** The data of binary events: JSON of the arguments, and the attachments in order. */
const BINARY: readonly (readonly [string, string, readonly Uint8Array[]])[] = [
  ["one attachment", `,${slot(0)}`, [bytes(1, 2, 3)]],
  ["an empty attachment", `,${slot(0)}`, [bytes()]],
  [
    "several, nested",
    `,"a",{"b":[${slot(0)},{"c":${slot(1)}}]},${slot(2)}`,
    [bytes(1), bytes(2, 2), bytes(3)],
  ],
  [
    "ten attachments",
    `,${Array.from({ length: 10 }, (_, num) => slot(num)).join(",")}`,
    Array.from({ length: 10 }, (_, num) => bytes(num, 255 - num)),
  ],
];

/** Ids that are all digits in the packet, and safe integers. */
const ACK_IDS = ["0", "1", "10", "456", "4294967296", "9007199254740991"];

export const eventTests = (it: It): void => {
  for (const transport of TRANSPORTS) {
    describe(`events over ${transport}`, { concurrent: true }, () => {
      it.for(ARGUMENTS)("carries %s", async ([, args], { client }) => {
        const wire = await joined(client, transport);
        wire.send(`42["message"${args}]`);
        expect(await wire.receive()).toBe(`42["message-back"${args}]`);
      });

      it.for(BINARY)("carries %s", async ([, args, attachments], { client }) => {
        const wire = await joined(client, transport);
        wire.send(`45${attachments.length}-["message"${args}]`, ...attachments);
        expect(await wire.receive()).toBe(`45${attachments.length}-["message-back"${args}]`);
        for (const attachment of attachments) expect(await wire.receive()).toEqual(attachment);
      });

      it("takes the attachments one at a time", async ({ client }) => {
        const wire = await joined(client, transport);
        wire.send(`452-["message",${slot(0)},${slot(1)}]`);
        wire.send(bytes(1));
        wire.send(bytes(2));
        expect(await wire.receive()).toBe(`452-["message-back",${slot(0)},${slot(1)}]`);
        expect([await wire.receive(), await wire.receive()]).toEqual([bytes(1), bytes(2)]);
      });

      it("takes attachments in another order than the text names them", async ({ client }) => {
        const wire = await joined(client, transport);
        wire.send(`452-["message",${slot(1)},${slot(0)}]`, bytes(1), bytes(2));
        expect(await wire.receive()).toBe(`452-["message-back",${slot(0)},${slot(1)}]`);
        expect([await wire.receive(), await wire.receive()]).toEqual([bytes(2), bytes(1)]);
      });

      it("keeps the order of 100 events, some of them binary", async ({ client }) => {
        const wire = await joined(client, transport);
        const expected: Packet[] = [];
        for (let index = 0; index < 100; index++) {
          if (index % 10 === 0) {
            wire.send(`451-["message",${index},${slot(0)}]`, bytes(index));
            expected.push(`451-["message-back",${index},${slot(0)}]`, bytes(index));
          } else {
            wire.send(`42["message",${index}]`);
            expected.push(`42["message-back",${index}]`);
          }
        }
        for (const packet of expected) expect(await wire.receive()).toEqual(packet);
      });

      it("ignores an event that the application does not know", async ({ client }) => {
        const wire = await joined(client, transport);
        wire.send('42["unknown",1]', '420["unknown",1]', '42["message","after"]');
        expect(await wire.receive()).toBe('42["message-back","after"]');
      });

      it("ignores an ack that the server did not ask for", async ({ client }) => {
        const wire = await joined(client, transport);
        wire.send('4312["x"]', "430[]", '42["message","after"]');
        expect(await wire.receive()).toBe('42["message-back","after"]');
      });
    });

    describe(`acknowledgements over ${transport}`, { concurrent: true }, () => {
      it.for(ACK_IDS)("answers with id %s", async (id, { client }) => {
        const wire = await joined(client, transport);
        wire.send(`42${id}["message-with-ack",1,{"a":null}]`);
        expect(await wire.receive()).toBe(`43${id}[1,{"a":null}]`);
      });

      it("answers with no arguments", async ({ client }) => {
        const wire = await joined(client, transport);
        wire.send('427["message-with-ack"]');
        expect(await wire.receive()).toBe("437[]");
      });

      it("answers with bytes", async ({ client }) => {
        const wire = await joined(client, transport);
        wire.send(`452-78["message-with-ack","a",${slot(0)},{"b":${slot(1)}}]`, bytes(1, 2), bytes(3));
        expect(await wire.receive()).toBe(`462-78["a",${slot(0)},{"b":${slot(1)}}]`);
        expect([await wire.receive(), await wire.receive()]).toEqual([bytes(1, 2), bytes(3)]);
      });

      it("answers each of many, in order", async ({ client }) => {
        const wire = await joined(client, transport);
        for (let id = 0; id < 50; id++) wire.send(`42${id}["message-with-ack","${id}"]`);
        for (let id = 0; id < 50; id++) expect(await wire.receive()).toBe(`43${id}["${id}"]`);
      });
    });
  }
};
