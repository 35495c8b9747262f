import { WorkerEntrypoint } from "cloudflare:workers";
import { configOf, type Env } from "../env.ts";
import { after, sleep } from "../lib/after.ts";
import { log } from "../lib/log.ts";
import { answer } from "./answer.ts";
import type { Backend, BackendRequest } from "./backend.ts";
import { createEmbeddedBackend } from "./embedded/compose.ts";
import { httpBackend } from "./http/http-backend.ts";
import { upstreamOf } from "./http/upstream.ts";
import { type Answer, encodeAnswer } from "./wire.ts";

const callUrl = (url: string, init: RequestInit): Promise<Response> => fetch(url, init);

/**
 * Runs one request: beside the gateway that has it, not in it, so that however long it takes, however much it reads
 * and however many wait for an upstream, deliveries go on. Only gateways call it; the request is checked already.
 */
export class RequestRunner extends WorkerEntrypoint<Env> {
  override async fetch(call: Request): Promise<Response> {
    const request = await call.json<BackendRequest>();
    return encodeAnswer(await this.#run(request, call.signal));
  }

  async #run(request: BackendRequest, signal: AbortSignal): Promise<Answer> {
    const started = await this.#backend().start(request, signal);
    return started.status === "accepted"
      ? { status: "accepted", events: answer(request, started.events, signal, log) }
      : started;
  }

  #backend(): Backend {
    const config = configOf(this.env);
    const upstream = upstreamOf(config, this.env.BACKEND, callUrl);
    const shared = { clock: Date.now, after, sleep, log };
    if (upstream !== undefined) {
      const { BACKEND_FIRST_BYTE_TIMEOUT, BACKEND_IDLE_TIMEOUT } = config;
      return httpBackend({
        ...{ upstream, firstByteTimeoutMs: BACKEND_FIRST_BYTE_TIMEOUT, idleTimeoutMs: BACKEND_IDLE_TIMEOUT },
        ...shared,
      });
    }
    const { DATASETS, ROOMS, LEDGERS, CONVERSATIONS } = this.env;
    return createEmbeddedBackend({
      ...{ config, datasets: DATASETS, markets: ROOMS, ledgers: LEDGERS, conversations: CONVERSATIONS },
      ...{ fetch: callUrl, waitUntil: (work) => this.ctx.waitUntil(work) },
      ...shared,
    });
  }
}
