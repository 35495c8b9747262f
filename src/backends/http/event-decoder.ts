import { createParser } from "eventsource-parser";
import { MAX_EVENT_BYTES, serverEvent } from "../../events/catalogue.ts";
import type { ServerEventName } from "../../events/client.ts";
import { isRecord, parseJson } from "../../lib/json.ts";
import { err, ok, type Result } from "../../lib/result.ts";
import type { BackendEvent } from "../backend.ts";

/** What is wrong with the stream; it says nothing of the data. */
export type StreamFault = string;

const MAX_NAME_CHARS = 50;

/** The longest `data` (in characters, of which bytes are no fewer), and the field name before it. */
const MAX_BUFFER_CHARS = MAX_EVENT_BYTES + 16;

const TOO_LONG = `an event is over ${MAX_EVENT_BYTES} bytes`;

/**
 * Reads `text/event-stream`, however it is cut into chunks, as events of the catalogue. Whether they answer the
 * request, and whether their data is valid, is checked where they are sent on (answer.ts).
 */
export class EventDecoder {
  readonly #text = new TextDecoder();
  readonly #parser = createParser({
    maxBufferSize: MAX_BUFFER_CHARS,
    onEvent: ({ event, data }) => this.#add(readEvent(event, data)),
    onError: ({ type }) => {
      // The standard has readers pass over the other errors: fields that they do not know.
      if (type === "max-buffer-size-exceeded") this.#add(err(TOO_LONG));
    },
  });
  #decoded: Result<BackendEvent, StreamFault>[] = [];

  /** The events that are complete with these bytes, in order. Nothing can be read behind a fault. */
  push(bytes: Uint8Array): readonly Result<BackendEvent, StreamFault>[] {
    this.#decoded = [];
    this.#parser.feed(this.#text.decode(bytes, { stream: true }));
    return this.#decoded;
  }

  #add(decoded: Result<BackendEvent, StreamFault>): void {
    this.#decoded.push(decoded);
  }
}

const readEvent = (name: string | undefined, text: string): Result<BackendEvent, StreamFault> => {
  if (name === undefined) return err("an event has no name");
  if (!isServerEventName(name)) {
    return err(`${JSON.stringify(name.slice(0, MAX_NAME_CHARS))} is not in the catalogue`);
  }
  if (text.length > MAX_EVENT_BYTES) return err(TOO_LONG);
  const data = parseJson(text);
  return isRecord(data) ? ok({ event: name, data }) : err(`the data of ${name} is no JSON object`);
};

const isServerEventName = (name: string): name is ServerEventName => serverEvent(name) !== undefined;
