import { setTimeout } from "node:timers/promises";
import { describe, expect } from "vitest";
import { type It, TRANSPORTS } from "./client.ts";
import { join, joined, settle } from "./socketio-client.ts";
import { type Wire, within } from "./wire.ts";

const expectUsable = async (wire: Wire): Promise<void> => {
  wire.send('42["message","usable"]');
  expect(await wire.receive()).toBe('42["message-back","usable"]');
};

/** Sessions that are in no namespace, and what they send. */
const NEVER_JOINED = [
  ["joins nothing", undefined],
  ["is refused", "40/random,"],
] as const;

export const connectTests = (it: It): void => {
  for (const transport of TRANSPORTS) {
    describe(`namespaces over ${transport}`, { concurrent: true }, () => {
      it.for([
        ["/", "40", "", "{}"],
        ["/ with an empty payload", "40{}", "", "{}"],
        [
          "/ with a payload",
          '40{"token":"abc","n":[1,null,{"é":"😀"}]}',
          "",
          '{"token":"abc","n":[1,null,{"é":"😀"}]}',
        ],
        ["/custom", "40/custom,", "/custom,", "{}"],
        ["/custom without its comma", "40/custom", "/custom,", "{}"],
        ["/custom with a payload", '40/custom,{"token":"abc"}', "/custom,", '{"token":"abc"}'],
      ])("connects to %s [CONN-3]", async ([, connect, head, auth], { client }) => {
        const wire = await client.wire(transport, "socket.io");
        wire.send(connect ?? "");
        const answer = String(await wire.receive());
        expect(answer.slice(0, 2 + (head ?? "").length)).toBe(`40${head}`);
        expect(JSON.parse(answer.slice(2 + (head ?? "").length))).toEqual({
          sid: expect.stringMatching(/^.+$/),
        });
        expect(await wire.receive()).toBe(`42${head}["auth",${auth}]`);
      });

      it.for([
        ["without a payload", "40/random,", "/random"],
        ["with a payload", '40/random,{"token":"abc"}', "/random"],
        ["without its comma", "40/random", "/random"],
        ["whose name begins with one that exists", "40/customer,", "/customer"],
        ["that is below one that exists", "40/custom/sub,", "/custom/sub"],
        ["in other letters", "40/CUSTOM,", "/CUSTOM"],
      ])(
        "refuses an unknown namespace %s, and the session stays [CONN-3]",
        async ([, connect, nsp], { client }) => {
          const wire = await client.wire(transport, "socket.io");
          wire.send(connect ?? "");
          expect(await wire.receive()).toBe(`44${nsp},{"message":"Invalid namespace"}`);
          await join(wire);
          await expectUsable(wire);
        },
      );

      it("keeps several namespaces on one session apart [CONN-3]", async ({ client }) => {
        const wire = await joined(client, transport);
        await join(wire, "/custom");
        // Only / echoes.
        wire.send('42/custom,["message","not for this namespace"]');
        await expectUsable(wire);
      });

      it("gives each namespace of a session an id of its own [CONN-3]", async ({ client }) => {
        const wire = await client.wire(transport, "socket.io");
        const ids = [await join(wire), await join(wire, "/custom")];
        expect(new Set(ids).size).toBe(2);
      });

      it("leaves / and keeps /custom [CONN-3]", async ({ client }) => {
        const wire = await joined(client, transport);
        await join(wire, "/custom");
        wire.send("41");
        await settle(wire);
        // Were /custom not connected any more, this would end the session, and so would joining twice.
        wire.send("41/custom,");
        await settle(wire);
        await join(wire);
        await join(wire, "/custom");
      });

      it("leaves /custom and keeps / [CONN-3]", async ({ client }) => {
        const wire = await joined(client, transport);
        await join(wire, "/custom");
        wire.send("41/custom,");
        await expectUsable(wire);
        await join(wire, "/custom");
      });

      it("connects again to a namespace that it has left, as another socket [CONN-3]", async ({ client }) => {
        const wire = await client.wire(transport, "socket.io");
        const first = await join(wire);
        wire.send("41");
        await settle(wire);
        const second = await join(wire);
        expect(second).not.toBe(first);
        await expectUsable(wire);
      });
    });
  }

  describe("connect timeout", { concurrent: true }, () => {
    for (const transport of TRANSPORTS) {
      it.for(NEVER_JOINED)(
        `ends a session over ${transport} that %s [CONN-5]`,
        async ([, packet], { client }) => {
          const start = performance.now();
          const wire = await client.wire(transport, "socket.io");
          if (packet !== undefined) wire.send(packet);
          await within(wire.closed, "the connect timeout");
          expect(performance.now() - start).toBeGreaterThan(client.settings.connectTimeout - 20);
        },
      );

      it(`keeps a session over ${transport} that has joined [CONN-5]`, async ({ client }) => {
        const wire = await joined(client, transport);
        const left = await joined(client, transport);
        left.send("41");
        await settle(left);
        await setTimeout(client.settings.connectTimeout + 100);
        await expectUsable(wire);
        // Having left its namespaces is no reason either.
        await join(left);
      });
    }
  });
};
