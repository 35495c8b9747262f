import type { Env } from "../env.ts";

export interface HttpEnv {
  Bindings: Env;
}
