import type { Principal } from "../auth/principal.ts";

/** What the application keeps with each socket, through hibernation, in its session's 16,384 bytes. */
export interface SocketData {
  readonly principal: Principal;
  /** Symbols of the market rooms the socket has subscribed to; without `market:`, which would not fit. */
  readonly symbols: readonly string[];
}
