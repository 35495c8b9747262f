import { DurableObject } from "cloudflare:workers";
import type { Env } from "../../../env.ts";

/** Holds what was said in one conversation of one user; see `conversationName`. */
export class Conversation extends DurableObject<Env> {}
