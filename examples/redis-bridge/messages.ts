import type { Publication } from "ledgercore-realtime/publisher";

export interface Message {
  readonly events: readonly Publication[];
  /** How many parts of the message are no events. */
  readonly malformed: number;
}

const isEnvelope = (value: unknown): value is Publication =>
  typeof value === "object" && value !== null && "event" in value && typeof value.event === "string";

/**
 * Reads what was published on the channel: one event or an array, as JSON. Only its outer shape is looked at:
 * the service checks events against the catalogue, and what it refuses is told.
 */
export const readMessage = (text: string): Message => {
  try {
    const value: unknown = JSON.parse(text);
    const parts: readonly unknown[] = Array.isArray(value) ? value : [value];
    const events = parts.filter(isEnvelope);
    return { events, malformed: parts.length - events.length };
  } catch {
    return { events: [], malformed: 1 };
  }
};
