import * as z from "zod";
import { MAX_EVENT_BYTES, serverEvent } from "../events/catalogue.ts";
import type { ServerEvent } from "../events/define.ts";
import type { ErrorCode } from "../events/envelope.ts";
import { problemOf } from "../events/envelope.ts";
import { isUserId, parseRoom, userRoom } from "../events/rooms.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { exceedsBytes } from "../lib/utf8.ts";
import type { Publication } from "../rooms/protocol.ts";
import { encodeEventBody } from "../socketio/encode.ts";

/** What a backend publishes (ING-1). Unknown fields are refused: a misspelt `userId` must not go astray. */
const envelope = z.strictObject({
  id: z.string().min(1).max(200).optional(),
  event: z.string(),
  room: z.string().optional(),
  userId: z.string().optional(),
  socketId: z.string().min(1).max(64).optional(),
  data: z.unknown().optional(),
});

/** A checked event and where it goes. */
export interface Addressed {
  readonly room: string;
  readonly publication: Publication;
}

/** Why an item was refused. `id` is the item's own, where it had a readable one. */
export interface Refusal {
  readonly id?: string;
  readonly code: ErrorCode;
  readonly message: string;
  /** Seconds after which publishing it again may help. */
  readonly retryAfter?: number;
}

type Envelope = z.infer<typeof envelope>;

/** Checks one item of an ingest request against the catalogue, finds its room and encodes it. */
export const addressItem = (item: unknown): Result<Addressed, Refusal> => {
  const parsed = envelope.safeParse(item);
  if (!parsed.success) return err({ ...idOf(item), ...malformed("The envelope", parsed.error) });
  const { id, event, socketId, data } = parsed.data;
  const own = id === undefined ? {} : { id };
  const definition = serverEvent(event);
  if (definition === undefined) {
    return err({ ...own, code: "NOT_FOUND", message: "There is no server-to-client event of that name." });
  }
  const checked = definition.schema.safeParse(data);
  if (!checked.success) return err({ ...own, ...malformed(`The data of ${event}`, checked.error) });
  const room = roomOf(parsed.data, definition, definition.room?.(checked.data));
  if (!room.ok) return err({ ...own, code: "VALIDATION_FAILED", message: room.error });
  const body = encode(event, data);
  if (body === undefined) {
    return err({ ...own, code: "VALIDATION_FAILED", message: "The data is nested too deeply." });
  }
  if (exceedsBytes(body, MAX_EVENT_BYTES)) {
    const message = `An event holds at most ${MAX_EVENT_BYTES} bytes as JSON.`;
    return err({ ...own, code: "VALIDATION_FAILED", message });
  }
  // Only a market has a present state: in a personal room a bar is one of the user's events.
  const kept = parseRoom(room.value)?.kind === "market";
  const snapshot = kept ? definition.snapshot?.(checked.data) : undefined;
  const bar = kept ? definition.bar?.(checked.data) : undefined;
  const key = kept ? definition.conflationKey?.(checked.data) : undefined;
  const publication = {
    ...own,
    body,
    delivery: definition.delivery,
    ...(socketId !== undefined && { socketId }),
    ...(snapshot !== undefined && { snapshot }),
    ...(bar !== undefined && { bar }),
    ...(key !== undefined && { conflationKey: `${event} ${key}` }),
  };
  return ok({ room: room.value, publication });
};

/** Encodes what came in: numbers and strings stay what they were (MKT-1). */
const encode = (event: string, data: unknown): string | undefined => {
  try {
    return encodeEventBody(event, [data]);
  } catch (error) {
    // What JSON.parse could read, JSON.stringify may find too deep for the stack.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

/** An explicit room first, then the user's, then the one the event's data names. */
const roomOf = (
  { room, userId, socketId }: Envelope,
  { name, delivery }: ServerEvent,
  named: string | undefined,
): Result<string, string> => {
  if (socketId !== undefined && userId === undefined) return err("socketId needs userId.");
  if (userId !== undefined) {
    if (!isUserId(userId)) return err("userId is not a usable user id.");
    const personal = userRoom(userId);
    return room === undefined || room === personal ? ok(personal) : err("room is not the room of userId.");
  }
  if (room !== undefined) {
    const kind = parseRoom(room)?.kind;
    if (kind === undefined)
      return err("room must be user:<userId> or market:<SYMBOL>, such as market:BTC-USD.");
    if (kind === "market" && delivery === "durable") return err(`${name} is personal: set userId.`);
    if (kind === "market" && named !== undefined && named !== room)
      return err("room is not the room of data.symbol.");
    return ok(room);
  }
  return named === undefined ? err("Say where the event goes: set userId or room.") : ok(named);
};

const malformed = (what: string, error: z.ZodError): { code: ErrorCode; message: string } => ({
  code: "VALIDATION_FAILED",
  message: problemOf(what, error),
});

const idOf = (item: unknown): { id?: string } => {
  const id = typeof item === "object" && item !== null && "id" in item ? item.id : undefined;
  return typeof id === "string" ? { id: id.slice(0, 200).toWellFormed() } : {};
};
