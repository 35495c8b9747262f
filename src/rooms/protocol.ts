/** What gateways and rooms say to each other over RPC. */

/** One event of a room, already encoded: `body` is the JSON array of its name and payload. */
export interface Frame {
  /** Position in the room's stream, growing within one epoch. */
  readonly seq: number;
  readonly body: string;
  /** When present, only this socket is meant. */
  readonly socketId?: string;
}

export interface Member {
  readonly socketId: string;
  readonly userId: string;
}

/** A change of a gateway's part in a room; all are idempotent. */
export type MembershipOp =
  | ({ readonly op: "join" } & Member)
  | { readonly op: "leave"; readonly socketId: string }
  /** Replaces all the room knows of the gateway's sockets. */
  | { readonly op: "sync"; readonly members: readonly Member[] };

/** A room's answer to a join: of the frames of `epoch`, the socket gets those after `seq`. */
export interface Joined {
  readonly subscriberCount: number;
  readonly epoch: number;
  readonly seq: number;
}

/** An event to publish into a room. */
export interface Publication {
  readonly body: string;
  readonly socketId?: string;
}

export interface RoomRpc {
  /** Applies changes in order. Answers each join at its index, `undefined` for the other operations. */
  update(gateway: string, ops: readonly MembershipOp[]): Promise<(Joined | undefined)[]>;
  /** Queues events for every gateway, in order. */
  publish(publications: readonly Publication[]): Promise<void>;
}

export interface GatewayRpc {
  /** Sends frames to the room's sockets here; `false` if the gateway holds none. */
  deliver(room: string, epoch: number, frames: readonly Frame[]): Promise<boolean>;
}
