/** The upstream's HTTP: who may ask, what it costs, and how an answer is sent. */
import type { DatabaseSync } from "node:sqlite";
import { Hono } from "hono";
import { bearerAuth } from "hono/bearer-auth";
import { HTTPException } from "hono/http-exception";
import { streamSSE } from "hono/streaming";
import type { Publication } from "ledgercore-realtime/publisher";
import { Accounts } from "./accounts.ts";
import { answers, ERRORS } from "./answers.ts";
import { type Call, envelope, notFound, Refused, type RequestName, type Said } from "./contract.ts";

export interface AppOptions {
  /** The service's BACKEND_TOKEN. */
  readonly token: string;
  readonly data: DatabaseSync;
  /** Publishes through POST /api/events; without it, there are no jobs. */
  readonly publish?: (publication: Publication) => Promise<void>;
  /** What each user has at first. */
  readonly credits?: number;
  readonly requestsPerSecond?: number;
}

/** An analysis over more hops is a job: its events are published when they are there. */
const MAX_STREAMED_HOPS = 3;

export const createApp = ({ token, data, publish, credits, requestsPerSecond }: AppOptions): Hono => {
  const app = new Hono();
  const accounts = new Accounts(credits, requestsPerSecond);

  // It compares in constant time. Its 401 has no envelope: the service is meant, not the user.
  app.use(bearerAuth({ token }));

  app.post("/realtime/:event", async (c) => {
    const name = c.req.param("event");
    if (!isRequestName(name)) throw notFound("This upstream does not answer such requests.");
    const call = await c.req.json<Call>();
    if (call.applicationId !== "demo" || !call.applications.includes("demo")) {
      throw new Refused(
        403,
        envelope("UNAUTHORIZED", "The only application here is demo; your token must open it."),
      );
    }
    accounts.admit(call.userId);
    const said = accounts.charge(call, name, () => begin(name, data, call));

    if (publish && name === "address_analysis" && hopsOf(call) > MAX_STREAMED_HOPS) {
      void publishAll(name, call, said, publish).catch(console.error);
      return c.body(null, 202);
    }
    return streamSSE(c, async (stream) => {
      for (const { event, data: payload } of guarded(name, said)) {
        // Nobody waits any more: stop working.
        if (stream.aborted) return;
        await stream.writeSSE({ event, data: JSON.stringify(payload) });
      }
    });
  });

  app.onError((error, c) => {
    if (error instanceof Refused) return c.json(error.body, error.status, error.headers);
    if (error instanceof HTTPException) return error.getResponse();
    console.error(error);
    return c.json(envelope("INTERNAL", "The upstream failed."), 500);
  });
  return app;
};

const isRequestName = (name: string): name is RequestName => Object.hasOwn(answers, name);

const hopsOf = ({ payload }: Call): number => ("hops" in payload && payload.hops) || 0;

/** Runs up to the first event, so that what is refused is refused with a status. */
const begin = (name: RequestName, data: DatabaseSync, call: Call): Iterable<Said> => {
  // The name says which payload it is.
  const answer = answers[name] as (data: DatabaseSync, call: Call) => Generator<Said>;
  const said = answer(data, call);
  const first = said.next();
  return (function* () {
    if (!first.done) yield first.value;
    yield* said;
  })();
};

/** A failure after the first event is told by the family's error event: there is exactly one terminal event. */
function* guarded(name: RequestName, said: Iterable<Said>): Generator<Said> {
  try {
    yield* said;
  } catch (error) {
    console.error(error);
    yield { event: ERRORS[name], data: envelope("INTERNAL", "The request failed. Send it again.") };
  }
}

/** To the one socket that asked. Each event has an id, so that none comes twice if the job is run again. */
const publishAll = async (
  name: RequestName,
  { requestId, userId, socketId }: Call,
  said: Iterable<Said>,
  publish: (publication: Publication) => Promise<void>,
): Promise<void> => {
  let count = 0;
  for (const { event, data } of guarded(name, said)) {
    const id = `${requestId}:${count++}`;
    // The ids that the service adds to streamed events, a job adds itself.
    await publish({ id, event, userId, socketId, data: { jobId: requestId, ...data } } as Publication);
  }
};
