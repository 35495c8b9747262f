import { Hono } from "hono";
import { describeError, log } from "../lib/log.ts";
import { authenticateOf } from "./authenticator.ts";
import { credits } from "./credits.ts";
import { datasets } from "./datasets.ts";
import { ingest } from "./ingest.ts";
import { reply } from "./reply.ts";
import { rooms } from "./rooms.ts";
import { socketIo } from "./socket-io.ts";
import type { HttpEnv } from "./types.ts";

export const app = new Hono<HttpEnv>({ strict: false });

app.onError((error, c) => {
  log("error", "request_failed", { path: c.req.path, error: describeError(error) });
  return reply(c, 500, { code: "INTERNAL", message: "The service failed to answer. Try again." });
});

app.notFound((c) => reply(c, 404, { code: "NOT_FOUND", message: "There is nothing at this address." }));

/** 200 once the service can work: the configuration is read here, so a broken one shows. */
app.get("/health", (c) => {
  authenticateOf(c.env);
  return c.json({ status: "ok" }, 200, { "cache-control": "no-store" });
});

app.route("/api/events", ingest);
app.route("/api/applications", datasets);
app.route("/api/credits", credits);
app.route("/api/rooms", rooms);
app.route("/socket.io", socketIo);
app.route("/ws", socketIo);
