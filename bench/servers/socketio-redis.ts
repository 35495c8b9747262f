import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createClient } from "@redis/client";
import { Emitter } from "@socket.io/redis-emitter";
import { RedisServer, redisAvailable } from "../../test/support/redis.ts";
import { stopChild, track } from "../lib/children.ts";
import { createCredentials, ISSUER } from "../lib/credentials.ts";
import { ROOM } from "../lib/events.ts";
import type { PeerOptions, PeerPublish, PeerReady } from "../peer/options.ts";
import { DEFAULT_USERS, type Target, type TargetKind } from "./target.ts";

type Publish = Target["publish"];

const emitTo = (client: { publish(channel: string, packet: Buffer): Promise<unknown> }): Publish => {
  const results: Promise<unknown>[] = [];
  const emitter = new Emitter({
    // What the emitter leaves to the background is awaited here: an event counts as taken when Redis has it.
    publish: (channel: string, packet: Buffer) => results.push(client.publish(channel, packet)),
  });
  return async (publications) => {
    for (const { room, event, data } of publications) emitter.to(room).emit(event, data);
    await Promise.all(results.splice(0));
  };
};

/** One request at a time. */
const publishBy =
  (child: ChildProcess): Publish =>
  async (publish) => {
    child.send({ publish } satisfies PeerPublish);
    await once(child, "message");
  };

/**
 * The official Socket.IO server with its official Redis adapter, in a Node process of its own, beside a real Redis.
 * Backends publish by the official emitter, straight to Redis: the cheapest way there is.
 * `streams`: the adapter that can recover connections, instead of the one over pub/sub. It has no emitter: the server
 * itself emits what it is told to over IPC.
 */
const kindOf = (name: string, adapter: PeerOptions["adapter"]): TargetKind => ({
  name,
  prepare: async () => {
    if (!(await redisAvailable())) throw new Error("There is no redis-server to compare with.");
  },
  start: async ({ users = DEFAULT_USERS, rooms = [[ROOM]], compression = false }) => {
    const { jwks, tokens } = await createCredentials(users);
    const redis = await RedisServer.start();
    const options: PeerOptions = { redisUrl: redis.url, adapter, jwks, issuer: ISSUER, compression };
    const child = track(fork(path.join(import.meta.dirname, "../peer/main.ts"), [JSON.stringify(options)]));
    const client = createClient({ url: redis.url });
    const stop = async (): Promise<void> => {
      await stopChild(child);
      if (client.isOpen) client.destroy();
      await redis.stop();
    };
    try {
      const [message] = (await Promise.race([
        once(child, "message"),
        once(child, "exit").then(() => Promise.reject(new Error("The Socket.IO server ended."))),
      ])) as [PeerReady];
      await client.connect();
      const publish = adapter === "streams" ? publishBy(child) : emitTo(client);
      return {
        url: new URL(`http://127.0.0.1:${message.port}`),
        pids: [child.pid ?? 0, redis.pid],
        plan: { protocol: "socket.io", path: "/socket.io/?EIO=4&transport=websocket", tokens, rooms },
        publish,
        stop,
      };
    } catch (error) {
      await stop();
      throw error;
    }
  },
});

export const socketioRedis = kindOf("Socket.IO + Redis", "pub/sub");
export const socketioStreams = kindOf("Socket.IO + Redis Streams", "streams");
