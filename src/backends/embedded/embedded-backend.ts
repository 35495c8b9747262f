import type { Backend, BackendEvent, BackendRequest, Handler, RequestName, Started } from "../backend.ts";

export type Handlers = { readonly [N in RequestName]: Handler<N> };

/** A backend that has each request answered by the handler of its event. */
export const handling = (handlers: Handlers): Backend => ({
  async start(request, signal): Promise<Started> {
    // The request names its event, and so the handler that takes it.
    const handler = handlers[request.event] as (
      request: BackendRequest,
      signal: AbortSignal,
    ) => AsyncIterable<BackendEvent>;
    return { status: "accepted", events: handler(request, signal) };
  },
});

/** A backend for those applications only that the user's token opens: for others nothing is run, charged or created. */
export const authorized = (backend: Backend): Backend => ({
  async start(request, signal): Promise<Started> {
    const { applicationId, applications } = request;
    if (applications.includes(applicationId)) return backend.start(request, signal);
    const message = `Your token does not open this application. It opens ${applications.join(", ") || "none"}.`;
    return { status: "refused", refusal: { event: "error", data: { code: "UNAUTHORIZED", message } } };
  },
});
