import { LoadClient } from "../client/client.ts";
import type { Contest } from "../lib/turns.ts";
import type { TargetKind, TargetOptions } from "../servers/target.ts";

/** Servers, and for each a load client with as many sockets as the server is to be ready for. */
export const loadClients = (
  kinds: readonly TargetKind[],
  targetOptions: TargetOptions,
  offerDeflate = false,
): Contest<LoadClient> => ({
  kinds,
  targetOptions,
  createLoad: () => new LoadClient(),
  connect: (client, target) => client.connect(target, targetOptions.sockets, offerDeflate),
});
