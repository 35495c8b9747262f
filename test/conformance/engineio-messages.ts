import { describe, expect } from "vitest";
import { type It, TRANSPORTS } from "./client.ts";
import { decodePayload } from "./polling-client.ts";
import type { Packet } from "./wire.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

/** Every byte value, and a length that needs padding in base64. */
const ALL_BYTES = Uint8Array.from({ length: 257 }, (_, index) => index % 256);

const MESSAGES: readonly (readonly [string, Packet])[] = [
  ["text", "4hello"],
  ["an empty text", "4"],
  ["text that looks like other packets", "42probe"],
  ["text that looks like binary", "4bAQID"],
  ["line ends and control characters", "4a\r\nb\n\u0000\u0001\u007f\t"],
  ["accents, CJK and emoji", "4é€ 漢字 👩‍👩‍👧 𝒳"],
  ["separators of Unicode", "4\u2028\u2029\ufeff\u00a0"],
  ["bytes", bytes(1, 2, 3, 4)],
  ["no bytes", bytes()],
  ["one byte", bytes(0)],
  ["all byte values", ALL_BYTES],
];

/** A message packet of `size` bytes of UTF-8: its type, then as many of `filler` as fit. */
const sized = (size: number, filler: string): string => {
  const text = `4${filler.repeat(Math.floor((size - 1) / Buffer.byteLength(filler)))}`;
  return text + "x".repeat(size - Buffer.byteLength(text));
};

export const messageTests = (it: It): void => {
  describe("messages", { concurrent: true }, () => {
    for (const transport of TRANSPORTS) {
      it.for(MESSAGES)(`carries %s over ${transport}`, async ([, packet], { client }) => {
        const wire = await client.wire(transport);
        wire.send(packet);
        expect(await wire.receive()).toEqual(packet);
      });

      it(`keeps the order of text and bytes over ${transport}`, async ({ client }) => {
        const wire = await client.wire(transport);
        const packets = Array.from(
          { length: 100 },
          (_, index): Packet => (index % 3 ? `4${index}` : bytes(index)),
        );
        // In several payloads, and packets of one payload.
        for (let start = 0; start < 100; start += 20) wire.send(...packets.slice(start, start + 20));
        for (const packet of packets) expect(await wire.receive()).toEqual(packet);
      });

      it.for([
        ["ASCII", "x"],
        ["text of fewer characters than bytes", "é"],
      ] as const)(`carries maxPayload bytes of %s over ${transport}`, async ([, filler], { client }) => {
        const wire = await client.wire(transport);
        const packet = sized(client.settings.maxPayload, filler);
        wire.send(packet);
        // Not `toEqual`: the difference of two megabytes is no use to the reader.
        expect((await wire.receive()) === packet).toBe(true);
      });
    }

    it.for(["websocket", "upgraded"] as const)(
      "carries maxPayload bytes of binary over %s",
      async (transport, { client }) => {
        const wire = await client.wire(transport);
        const packet = new Uint8Array(client.settings.maxPayload).fill(7);
        wire.send(packet);
        expect(Buffer.compare((await wire.receive()) as Uint8Array, packet)).toBe(0);
      },
    );

    it.for([
      ["ASCII", (size: number): Packet => sized(size, "x")],
      ["text of fewer characters", (size: number): Packet => sized(size, "é")],
      ["binary", (size: number): Packet => new Uint8Array(size)],
    ] as const)(
      "closes a WebSocket with 1009 on more than maxPayload bytes of %s [CONN-9]",
      async ([, make], { client }) => {
        const webSocket = client.webSocket("EIO=4&transport=websocket");
        await webSocket.open();
        webSocket.send(make(client.settings.maxPayload + 1));
        expect(await webSocket.closed).toMatchObject({ code: 1009 });
      },
    );

    it.for([
      ["ASCII", (size: number) => sized(size, "x")],
      ["text of fewer characters", (size: number) => sized(size, "é")],
      ["packets that are short each", (size: number) => `4\x1e${sized(size - 2, "4\x1e")}`],
    ] as const)("answers 413 to more than maxPayload bytes of %s [CONN-9]", async ([, make], { client }) => {
      const session = await client.polling();
      expect((await session.post(make(client.settings.maxPayload + 1))).status).toBe(413);
    });

    it("reads base64 in a payload, and takes padding of each length", async ({ client }) => {
      const session = await client.polling();
      const { status, body, headers } = await session.post(
        "bAQIDBA==\x1e4text\x1ebAQIDBAU=\x1ebAQIDBAUG\x1eb",
      );
      expect([status, body]).toEqual([200, "ok"]);
      expect(headers.get("content-type")).toMatch(/^text\/html/);
      const packets = await session.collect(5);
      expect(packets).toEqual([
        bytes(1, 2, 3, 4),
        "4text",
        bytes(1, 2, 3, 4, 5),
        bytes(1, 2, 3, 4, 5, 6),
        bytes(),
      ]);
    });

    it("writes canonical base64 in a payload", async ({ client }) => {
      const session = await client.polling();
      await session.post("b+/+/AA==");
      const { body, headers } = await session.poll();
      expect(body).toBe("b+/+/AA==");
      expect(headers.get("content-type")).toBe("text/plain; charset=UTF-8");
      expect(headers.get("cache-control")).toBe("no-store");
    });

    it("joins what has gathered between polls with U+001E", async ({ client }) => {
      const session = await client.polling();
      await session.post("4one\x1e4two");
      await session.post("bAw==");
      await session.post("4four");
      expect(decodePayload((await session.poll()).body)).toEqual(["4one", "4two", bytes(3), "4four"]);
    });

    it("counts UTF-8 in the length of a body", async ({ client }) => {
      const session = await client.polling();
      await session.post("4é€𝒳");
      const { body, headers } = await session.poll();
      expect(body).toBe("4é€𝒳");
      const length = headers.get("content-length");
      if (length !== null) expect(Number(length)).toBe(10);
    });
  });
};
