import { WorkerEntrypoint } from "cloudflare:workers";
import { configOf, type Env } from "../env.ts";
import { after, sleep } from "../lib/after.ts";
import { log } from "../lib/log.ts";
import { answer } from "./answer.ts";
import type { Backend, BackendRequest } from "./backend.ts";
import { embeddedBackend } from "./embedded/embedded-backend.ts";
import { httpBackend } from "./http/http-backend.ts";
import { upstreamOf } from "./http/upstream.ts";
import { type Answer, encodeAnswer } from "./wire.ts";

/**
 * Runs one request: beside the gateway that has it, not in it, so that however long it takes, however much it reads
 * and however many wait for an upstream, deliveries go on. Only gateways call it; the request is checked already.
 */
export class Requests extends WorkerEntrypoint<Env> {
  override async fetch(call: Request): Promise<Response> {
    const request = await call.json<BackendRequest>();
    return encodeAnswer(await this.#run(request, call.signal));
  }

  async #run(request: BackendRequest, signal: AbortSignal): Promise<Answer> {
    const started = await this.#backend().start(request, signal);
    return started.status === "accepted"
      ? { status: "accepted", events: answer(request, started.events, log) }
      : started;
  }

  #backend(): Backend {
    const config = configOf(this.env);
    const upstream = upstreamOf(config, this.env.BACKEND, (url, init) => fetch(url, init));
    if (upstream === undefined) return embeddedBackend({} as never);
    return httpBackend({
      upstream,
      firstByteTimeoutMs: config.BACKEND_FIRST_BYTE_TIMEOUT,
      idleTimeoutMs: config.BACKEND_IDLE_TIMEOUT,
      clock: Date.now,
      after,
      sleep,
      log,
    });
  }
}
