import { DurableObject } from "cloudflare:workers";
import type { Env } from "../../../env.ts";

/** Holds the credits of one user in one application; see `ledgerName`. */
export class Ledger extends DurableObject<Env> {}
