import type { Result } from "../../../lib/result.ts";
import type { Turn } from "./engine.ts";

/** The calls that a conversation takes. All may be repeated: `id` names the message that is being answered. */
export interface ConversationRpc {
  /** Begins to answer a message: the turns so far, oldest first; or in how many seconds to try again. */
  begin(id: string): Promise<Result<Turn[], number>>;
  /** The message is still being answered. */
  renew(id: string): Promise<void>;
  /** The message has been answered: keeps the turn. False if it was released, or another is answered in its place. */
  keep(id: string, turn: Turn): Promise<boolean>;
  /** The message will not be answered. */
  release(id: string): Promise<void>;
}

/**
 * The name of the object that holds a conversation of a user in an application. A digest, since the client makes the
 * conversation's id, of any characters; of a JSON array, in which no part can pass for two, or two for another.
 */
export const conversationName = async (
  applicationId: string,
  userId: string,
  conversationId: string,
): Promise<string> => {
  const parts = new TextEncoder().encode(JSON.stringify([applicationId, userId, conversationId]));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", parts));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
