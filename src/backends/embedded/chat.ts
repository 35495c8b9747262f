import type { After, Sleep } from "../../lib/after.ts";
import type { Clock } from "../../lib/clock.ts";
import { callRetrying } from "../../lib/rpc.ts";
import { type BackendEvent, failure, type Handler } from "../backend.ts";
import type { ChatEngine, ChatPart } from "./chat/engine.ts";
import { type ConversationRpc, conversationName } from "./chat/protocol.ts";
import { MAX_CHARACTERS } from "./chat/turn.ts";

/** The conversations, as the platform binds them. */
export interface Conversations {
  getByName(name: string): ConversationRpc;
}

export interface ChatDeps {
  readonly conversations: Conversations;
  readonly engine: ChatEngine;
  readonly clock: Clock;
  readonly after: After;
  readonly sleep: Sleep;
  /** Lets a call end though the request it belongs to is over, such as `ctx.waitUntil`. */
  readonly waitUntil: (work: Promise<void>) => void;
}

/**
 * How often a conversation hears that it is still being answered, however silent the answer is; well within
 * TURN_LEASE_MS.
 */
export const RENEW_MS = 20_000;

type Ending = Exclude<ChatPart, { readonly type: "delta" }>;

const STOP: BackendEvent = { event: "chat_stop_typing", data: {} };

const said = (delta: string, isFinal: boolean): BackendEvent => ({
  event: "chat_message",
  data: { role: "assistant", delta, isFinal },
});

/**
 * Answers `chat`: typing, the answer as it is written, and its counts. The conversation keeps the message with the whole
 * answer (of one that is too long, what fits: see `fitted`), or neither. A message that comes while another of its
 * conversation is being answered is refused.
 */
export const chatHandler = ({
  conversations,
  engine,
  clock,
  after,
  sleep,
  waitUntil,
}: ChatDeps): Handler<"chat"> =>
  async function* (request, signal) {
    const { id, payload, userId, applicationId } = request;
    const { message, conversationId } = payload;
    const name = await conversationName(applicationId, userId, conversationId);
    const call = <T>(run: (conversation: ConversationRpc) => Promise<T>): Promise<T> =>
      // Each attempt takes a fresh stub.
      callRetrying(() => run(conversations.getByName(name)), sleep);

    const at = clock();
    const begun = await call((conversation) => conversation.begin(id));
    if (!begun.ok) {
      const text = "This conversation is still being answered. Wait for the answer before you write more.";
      yield failure(request, { code: "RATE_LIMITED", message: text, retryAfter: begun.error });
      return;
    }
    const context = payload.context === undefined ? "" : JSON.stringify(payload.context);
    let held = true;
    let stopRenewing = (): void => {};
    const renewLater = (): void => {
      stopRenewing = after(RENEW_MS, () => {
        renewLater();
        // What cannot be told now is told the next time.
        call((conversation) => conversation.renew(id)).catch(() => undefined);
      });
    };
    const letGo = (): void => {
      held = false;
      stopRenewing();
    };
    const release = async (): Promise<void> => {
      if (!held) return;
      letGo();
      // What cannot be told lapses by itself.
      await call((conversation) => conversation.release(id)).catch(() => undefined);
    };
    const leave = (): void => waitUntil(release());
    signal.addEventListener("abort", leave);
    renewLater();
    try {
      yield { event: "chat_typing", data: {} };
      let answer = "";
      let ending: Ending | undefined;
      for await (const part of engine.answer(
        { history: begun.value, message, context, at, applicationId, userId },
        signal,
      )) {
        if (part.type !== "delta") {
          ending = part;
          break;
        }
        // No more than is looked at when it is kept.
        if (answer.length <= MAX_CHARACTERS) answer += part.text;
        yield said(part.text, false);
      }
      if (ending === undefined) throw new Error("The answer ended without a word about how.");
      if (ending.type === "failed") {
        // Before the last event: whoever has had that may write again, and nothing more of this need be run.
        await release();
        yield STOP;
        yield failure(request, ending.error);
        return;
      }
      // Cancelled after the engine last looked: nobody has the answer, so the conversation does not have it either.
      if (signal.aborted) return;
      const kept = await call((conversation) => conversation.keep(id, { message, context, at, answer }));
      letGo();
      if (!kept) {
        yield STOP;
        const text = "The conversation went on while this was being answered. Send the message again.";
        yield failure(request, { code: "INTERNAL", message: text });
        return;
      }
      yield said("", true);
      yield STOP;
      const { tokens, sql } = ending;
      yield {
        event: "chat_response",
        data: { messageId: id, tokens, ...(sql === undefined ? {} : { sql }) },
      };
    } catch (error) {
      await release();
      yield STOP;
      throw error;
    } finally {
      signal.removeEventListener("abort", leave);
      leave();
    }
  };
