import { DurableObject } from "cloudflare:workers";
import type { Env } from "../../../env.ts";
import { SCHEMA } from "./schema.ts";

/** Holds the data of one application. Named by its id. */
export class Dataset extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    for (const statement of SCHEMA) ctx.storage.sql.exec(statement);
  }
}
