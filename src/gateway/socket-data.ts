import type { Principal } from "../auth/principal.ts";
import type { Member } from "../rooms/protocol.ts";
import type { Socket } from "../socketio/socket.ts";

/** What the application keeps with each socket, through hibernation, in its session's 16,384 bytes. */
export interface SocketData {
  readonly principal: Principal;
  /** Symbols of the market rooms the socket has subscribed to; without `market:`, which would not fit. */
  readonly symbols: readonly string[];
  /** Which connection of the socket this is: 1, one more with each recovery, 0 until its personal room has said. */
  readonly connection: number;
  /** Of the personal room's log, the socket has been sent all up to here. */
  readonly logged: number;
}

/** How rooms know the socket. */
export const memberOf = ({ id, data }: Pick<Socket<SocketData>, "id" | "data">): Member => ({
  socketId: id,
  userId: data.principal.userId,
  connection: data.connection,
});

const MARKET = "market:";

/** The symbol of a market room. */
export const symbolOf = (room: string): string => room.slice(MARKET.length);

/** The symbols of the market rooms among these. */
export const symbolsOf = (rooms: Iterable<string>): string[] =>
  [...rooms].filter((room) => room.startsWith(MARKET)).map(symbolOf);
