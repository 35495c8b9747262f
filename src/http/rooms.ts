import { Hono } from "hono";
import { parseRoom } from "../events/rooms.ts";
import { sleep } from "../lib/after.ts";
import { describeError, log } from "../lib/log.ts";
import { callRetrying } from "../lib/rpc.ts";
import { invalid, reply, unavailable } from "./reply.ts";
import { serviceAuth } from "./service-auth.ts";
import type { HttpEnv } from "./types.ts";

/** `GET /api/rooms/<room>`: what goes on in a room (`RoomStats`). For backends and their operators. */
export const rooms = new Hono<HttpEnv>();

rooms.use(serviceAuth("rooms", "Ask less often."));

rooms.get("/:room", async (c) => {
  const room = c.req.param("room");
  if (parseRoom(room) === undefined) {
    const message = "A room is user:<userId> or market:<SYMBOL>, such as market:BTC-USD.";
    return reply(c, 404, { code: "NOT_FOUND", message });
  }
  try {
    const stats = await callRetrying(() => c.env.ROOMS.getByName(room).stats(), sleep);
    return c.json({ room, ...stats }, 200, { "cache-control": "no-store" });
  } catch (error) {
    log("error", "room_unreachable", { room, error: describeError(error) });
    return unavailable(c, "The room cannot be reached. Try again.");
  }
});

rooms.all("/:room", (c) => {
  c.header("allow", "GET");
  return invalid(c, 405, "Ask with GET.");
});
