import { setTimeout } from "node:timers/promises";
import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import { describe, expect } from "vitest";
import { type Client, type It, skipIfSlow } from "./client.ts";
import { request } from "./polling-client.ts";
import { eventually, PATIENCE_MS, within } from "./wire.ts";

/** What the official client calls itself when it is to poll only, not poll, or decide for itself. */
const TRANSPORTS: readonly (readonly [string, Partial<ManagerOptions>])[] = [
  ["polling", { transports: ["polling"] }],
  ["websocket", { transports: ["websocket"] }],
  ["the default transports", {}],
];

type Options = Partial<ManagerOptions & SocketOptions>;

/** Runs `use` with an official client, which is gone afterwards. */
const withSocket = async (
  { url }: Client,
  nsp: string,
  options: Options,
  use: (socket: Socket) => Promise<void>,
): Promise<void> => {
  const socket = io(`${url}${nsp}`, { path: "/socket.io/", forceNew: true, reconnection: false, ...options });
  try {
    await use(socket);
  } finally {
    socket.disconnect();
  }
};

const connected = async (socket: Socket): Promise<void> => {
  if (!socket.connected) await next(socket, "connect");
};

/** The arguments of the next such event, which must not have come yet. */
const next = (socket: Socket, event: string): Promise<unknown[]> =>
  within(new Promise((resolve) => socket.once(event, (...args: unknown[]) => resolve(args))), event);

/** What the server acknowledges `value` with. */
const acknowledged = (socket: Socket, value: unknown): Promise<unknown> =>
  socket.timeout(PATIENCE_MS).emitWithAck("message-with-ack", value);

const upgraded = async (socket: Socket): Promise<void> => {
  const { engine } = socket.io;
  if (engine.transport.name === "websocket") return;
  await within(new Promise((resolve) => engine.once("upgrade", resolve)), "the upgrade");
};

const BYTES = Buffer.from([0, 1, 2, 255]);

export const stockClientTests = (it: It): void => {
  for (const [name, options] of TRANSPORTS) {
    describe(`socket.io-client over ${name}`, { concurrent: true }, () => {
      it("connects to / and /custom, and sends its auth payload [CONN-3]", async ({ client }) => {
        for (const nsp of ["/", "/custom"]) {
          await withSocket(client, nsp, { ...options, auth: { token: "abc" } }, async (socket) => {
            const greeting = next(socket, "auth");
            await connected(socket);
            expect(socket.id).toMatch(/^.+$/);
            expect(await greeting).toEqual([{ token: "abc" }]);
          });
        }
      });

      it("gets connect_error for an unknown namespace [CONN-3]", async ({ client }) => {
        await withSocket(client, "/random", options, async (socket) => {
          const [error] = await next(socket, "connect_error");
          expect((error as Error).message).toBe("Invalid namespace");
        });
      });

      it("shares a session between namespaces", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          await connected(socket);
          const custom = socket.io.socket("/custom");
          await next(custom, "connect");
          custom.disconnect();
          expect(await acknowledged(socket, "still here")).toBe("still here");
        });
      });

      it("gets back what it emits, bytes among it", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          const back = next(socket, "message-back");
          socket.emit("message", 1, "two é😀", { three: [null, BYTES] }, BYTES);
          expect(await back).toEqual([1, "two é😀", { three: [null, BYTES] }, BYTES]);
        });
      });

      it("gets back everything in order, from before it is connected on", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          const received: unknown[] = [];
          const all = new Promise<void>((resolve) => {
            socket.on("message-back", (number: number) => {
              received.push(number);
              if (number === 199) resolve();
            });
          });
          // Spread over the time that an upgrade takes.
          for (let number = 0; number < 200; number++) {
            socket.emit("message", number, ...(number % 20 === 0 ? [BYTES] : []));
            if (number % 10 === 0) await setTimeout(5);
          }
          await within(all, "200 events");
          expect(received).toEqual(Array.from({ length: 200 }, (_, number) => number));
        });
      });

      it("gets acknowledgements", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          expect(await acknowledged(socket, { a: 1 })).toEqual({ a: 1 });
          expect(await acknowledged(socket, BYTES)).toEqual(BYTES);
          const args = new Promise((resolve) =>
            socket.emit("message-with-ack", 1, "2", [3], (...got: unknown[]) => resolve(got)),
          );
          expect(await within(args, "an acknowledgement")).toEqual([1, "2", [3]]);
        });
      });

      it("gives up on an acknowledgement that does not come", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          await connected(socket);
          await expect(socket.timeout(100).emitWithAck("unknown", 1)).rejects.toThrow("timed out");
          expect(await acknowledged(socket, "alive")).toBe("alive");
        });
      });

      it("emits volatile events when it can", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          const back: unknown[] = [];
          socket.on("message-back", (value) => back.push(value));
          socket.volatile.emit("message", "lost");
          await connected(socket);
          const deadline = Date.now() + 5_000;
          while (back.length === 0 && Date.now() < deadline) {
            socket.volatile.emit("message", "volatile");
            await setTimeout(20);
          }
          expect(back[0]).toBe("volatile");
        });
      });

      it("lives on its heartbeat [CONN-8]", async ({ client, skip }) => {
        skipIfSlow(client, skip);
        const { pingInterval, pingTimeout } = client.settings;
        await withSocket(client, "/", options, async (socket) => {
          await connected(socket);
          await setTimeout(2 * (pingInterval + pingTimeout));
          expect(await acknowledged(socket, "alive")).toBe("alive");
        });
      });

      it("disconnects from its side", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          await connected(socket);
          await upgradedIfDefault(socket, name);
          const { id } = socket.io.engine as unknown as { id: string };
          const reason = next(socket, "disconnect");
          socket.disconnect();
          expect((await reason)[0]).toBe("io client disconnect");
          // The session has gone with its only socket.
          const url = `${client.url}/socket.io/?EIO=4&transport=polling&sid=${encodeURIComponent(id)}`;
          await eventually(
            () => request(url, { method: "POST", body: "3" }),
            ({ body }) => body.includes("Session ID unknown"),
          );
        });
      });

      it("learns that the server has ended the session", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          await connected(socket);
          await upgradedIfDefault(socket, name);
          const reason = next(socket, "disconnect");
          // A packet type that Socket.IO does not know.
          socket.io.engine.write("9");
          // A poll may also fail before the close packet is read.
          const reasons = name === "polling" ? ["transport close", "transport error"] : ["transport close"];
          expect(reasons).toContain((await reason)[0]);
        });
      });

      it("connects anew after a disconnect", async ({ client }) => {
        await withSocket(client, "/", options, async (socket) => {
          await connected(socket);
          const { id } = socket;
          socket.disconnect();
          socket.connect();
          await next(socket, "connect");
          expect(socket.id).not.toBe(id);
          expect(await acknowledged(socket, "again")).toBe("again");
        });
      });
    });
  }

  describe("socket.io-client", { concurrent: true }, () => {
    it("upgrades from polling to WebSocket, and goes on", async ({ client }) => {
      await withSocket(client, "/", {}, async (socket) => {
        await within(
          new Promise<void>((resolve) => socket.io.once("open", () => resolve())),
          "the handshake",
        );
        expect(socket.io.engine.transport.name).toBe("polling");
        await connected(socket);
        const { id } = socket;
        await upgraded(socket);
        expect(socket.io.engine.transport.name).toBe("websocket");
        expect(await acknowledged(socket, BYTES)).toEqual(BYTES);
        expect(socket.id).toBe(id);
      });
    });

    it("stays with polling if it is told not to upgrade", async ({ client }) => {
      await withSocket(client, "/", { upgrade: false }, async (socket) => {
        await connected(socket);
        expect(await acknowledged(socket, BYTES)).toEqual(BYTES);
        expect(socket.io.engine.transport.name).toBe("polling");
      });
    });

    it("tries WebSocket first if it is told to, without an upgrade", async ({ client }) => {
      await withSocket(client, "/", { transports: ["websocket", "polling"] }, async (socket) => {
        await connected(socket);
        expect(socket.io.engine.transport.name).toBe("websocket");
      });
    });
  });
};

const upgradedIfDefault = async (socket: Socket, name: string): Promise<void> => {
  if (name === "the default transports") await upgraded(socket);
};
