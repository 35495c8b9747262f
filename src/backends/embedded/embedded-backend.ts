import type { Backend, BackendEvent, BackendRequest, Handler, RequestName, Started } from "../backend.ts";

export type Handlers = { readonly [N in RequestName]: Handler<N> };

/** The backend that computes its answers itself, from the data of the application (REQ-3). */
export const embeddedBackend = (handlers: Handlers): Backend => ({
  async start(request, signal): Promise<Started> {
    const { applicationId, applications } = request;
    if (!applications.includes(applicationId)) {
      const message = `Your token does not open this application. It opens ${applications.join(", ") || "none"}.`;
      return { status: "refused", refusal: { event: "error", data: { code: "UNAUTHORIZED", message } } };
    }
    // The request names its event, and so the handler that takes it.
    const handler = handlers[request.event] as (
      request: BackendRequest,
      signal: AbortSignal,
    ) => AsyncIterable<BackendEvent>;
    return { status: "accepted", events: handler(request, signal) };
  },
});
