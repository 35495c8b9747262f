import { DurableObject } from "cloudflare:workers";
import type { Env } from "../../../env.ts";
import { Alarms } from "../../../lib/alarms.ts";
import type { Result } from "../../../lib/result.ts";
import { type ConversationAlarm, ConversationCore } from "./conversation.ts";
import type { Turn } from "./engine.ts";
import type { ConversationRpc } from "./protocol.ts";

/** When a deletion that failed is tried again. */
const RETRY_MS = 60_000;

interface Opened {
  readonly core: ConversationCore;
  readonly alarms: Alarms<ConversationAlarm>;
}

/** Holds what was said in one conversation of one user; see `conversationName`. */
export class Conversation extends DurableObject<Env> implements ConversationRpc {
  #opened: Opened | undefined;

  async begin(id: string): Promise<Result<Turn[], number>> {
    return this.#conversation.core.begin(id);
  }

  async renew(id: string): Promise<void> {
    this.#conversation.core.renew(id);
  }

  async keep(id: string, turn: Turn): Promise<boolean> {
    return this.#conversation.core.keep(id, turn);
  }

  async release(id: string): Promise<void> {
    this.#conversation.core.release(id);
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    if (this.#conversation.alarms.takeDue(now, now + RETRY_MS).length === 0) return;
    // Whoever writes next begins a new conversation.
    this.#opened = undefined;
    await this.ctx.storage.deleteAll();
  }

  get #conversation(): Opened {
    if (this.#opened === undefined) {
      const { storage } = this.ctx;
      const alarms = new Alarms<ConversationAlarm>(storage, Date.now());
      this.#opened = { alarms, core: new ConversationCore(storage.sql, alarms, Date.now) };
    }
    return this.#opened;
  }
}
