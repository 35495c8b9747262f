/** What the service replaces: the official Socket.IO server, doing the same for its clients, with rooms over Redis. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient } from "@redis/client";
import { createAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import { createLocalJWKSet, jwtVerify } from "jose";
import { Server } from "socket.io";
import { ALGORITHM } from "../lib/credentials.ts";
import type { PeerOptions, PeerPublish, PeerPublished, PeerReady } from "./options.ts";

/** As the service has it (ROOM-4). */
const PRESENCE_LIMIT = 500;
/** Entries of the stream: what has gone from it cannot be recovered. */
const STREAM_LENGTH = 100_000;
/** Connections that may wait to be accepted, as many as workerd has. */
const BACKLOG = 4_096;

const { redisUrl, adapter, jwks, issuer, compression } = JSON.parse(process.argv[2] ?? "") as PeerOptions;

const connect = async () => {
  const client = createClient({ url: redisUrl });
  await client.connect();
  return client;
};

const publisher = await connect();
const recovers = adapter === "streams";
const http = createServer();
const io = new Server(http, {
  adapter: recovers
    ? createStreamsAdapter(publisher, { maxLen: STREAM_LENGTH })
    : createAdapter(publisher, await connect()),
  perMessageDeflate: compression,
  ...(recovers && { connectionStateRecovery: { skipMiddlewares: false } }),
});

const keys = createLocalJWKSet(JSON.parse(jwks));
io.use(async (socket, next) => {
  try {
    const { payload } = await jwtVerify(socket.handshake.auth.token, keys, {
      issuer,
      algorithms: [ALGORITHM],
    });
    socket.data.userId = payload.sub;
    next();
  } catch {
    next(new Error("The token is not valid."));
  }
});

/** Of this server's sockets: asking the others by Redis would cost more. */
const sizeOf = (room: string): number => io.sockets.adapter.rooms.get(room)?.size ?? 0;

io.on("connection", (socket) => {
  const { userId } = socket.data;
  void socket.join(`user:${userId}`);
  socket.emit("connected", { userId, sid: socket.id, timestamp: Date.now() });
  socket.on("subscribe", ({ room }: { room: string }) => {
    void socket.join(room);
    const subscriberCount = sizeOf(room);
    socket.emit("subscribed", { room, subscriberCount });
    if (subscriberCount > PRESENCE_LIMIT) return;
    socket.to(room).emit("user_joined_room", { userId, room, joinedAt: Date.now() });
  });
});

// The streams adapter has no emitter for others: its backends emit in a server.
process.on("message", ({ publish }: PeerPublish) => {
  for (const { room, event, data } of publish) io.to(room).emit(event, data);
  process.send?.({ published: publish.length } satisfies PeerPublished);
});

http.listen({ port: 0, host: "127.0.0.1", backlog: BACKLOG }, () => {
  const ready: PeerReady = { port: (http.address() as AddressInfo).port };
  process.send?.(ready);
});
// Without its parent it has nothing to do.
process.on("disconnect", () => process.exit());
