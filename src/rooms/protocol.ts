/** What gateways, rooms, ingest and backends say to each other over RPC. */
import type { Bar } from "../events/bar.ts";
import type { Delivery } from "../events/define.ts";
import type { Result } from "../lib/result.ts";
import type { Window } from "../lib/time-window.ts";

/** One event of a room, already encoded: `body` is the JSON array of its name and arguments. */
export interface Frame {
  /** Position in the room's stream, growing within one epoch. */
  readonly seq: number;
  readonly body: string;
  /** When present, only this socket is meant. */
  readonly socketId?: string;
  /** Position in the personal room's log, for the events that are logged (USER-1). */
  readonly logged?: number;
}

/**
 * A socket's part in a room. `connection` counts the connections the socket has lived on: 1, and one more with
 * each recovery. What an older connection's gateway still says of the socket changes nothing.
 */
export interface Member {
  readonly socketId: string;
  readonly userId: string;
  readonly connection: number;
}

/** A change of a gateway's part in a room; all are idempotent. */
export type MembershipOp =
  /** With `snapshot`, the answer holds the room's present state: for a socket that does not have it. */
  | ({ readonly op: "join"; readonly snapshot?: boolean } & Member)
  /** With `final`, the client has ended the socket itself and will not recover it. */
  | { readonly op: "leave"; readonly socketId: string; readonly connection: number; readonly final?: boolean }
  /** Replaces all the room knows of the gateway's sockets. */
  | { readonly op: "sync"; readonly members: readonly Member[] }
  /** A socket comes to its personal room. */
  | ({ readonly op: "connect"; readonly userId: string } & ConnectRequest)
  /** The market rooms that a socket of this personal room is in now, by symbol: recovery brings it back to them. */
  | {
      readonly op: "subscriptions";
      readonly socketId: string;
      readonly connection: number;
      readonly symbols: readonly string[];
    };

/** A room's answer to a join: of the frames of `epoch`, the socket gets those after `seq`. */
export interface Joined {
  readonly subscriberCount: number;
  readonly epoch: number;
  readonly seq: number;
  /** Bodies of the events that tell the room's present state, as of `seq`. */
  readonly snapshot?: readonly string[];
}

/** What a client that was connected before says of it (connection state recovery). Nothing in it is to be believed. */
export interface Resume {
  readonly pid: string;
  /** Of the last event it got; absent when it has had none. */
  readonly offset?: string;
}

export interface ConnectRequest {
  /** The socket's id and its private session id, unless an earlier socket is recovered. */
  readonly socketId: string;
  readonly pid: string;
  readonly resume?: Resume;
}

/** A personal room's answer to a socket that comes. */
export interface Connected extends Joined {
  readonly recovered: boolean;
  /** Of the recovered socket, or those that were proposed. */
  readonly socketId: string;
  readonly pid: string;
  readonly connection: number;
  /** The market rooms to bring a recovered socket back to. */
  readonly symbols: readonly string[];
  /** Bodies of the events that a recovered socket has missed, in order. */
  readonly missed: readonly string[];
  /** Position in the log up to which the socket has all. */
  readonly logged: number;
}

export type MembershipAnswer = Joined | Connected | undefined;

/** An event to publish into a room. */
export interface Publication {
  /** Makes the publication idempotent in its room (ING-3). */
  readonly id?: string;
  readonly body: string;
  readonly delivery: Delivery;
  readonly socketId?: string;
  /** Of a room's events with equal keys, the newest (largest `at`, else latest) is part of its present state. */
  readonly snapshot?: { readonly key: string; readonly at: number };
  /** Under backlog a newer event with an equal key replaces one that waits (MKT-3). */
  readonly conflationKey?: string;
  /** The bar whose state the event is. */
  readonly bar?: Bar;
}

/** Past candles of a market. */
export interface CandleRequest {
  /** Who asks: one user gets only so many answers at a time. */
  readonly userId: string;
  /** Such as `1m`. */
  readonly resolution: string;
  /** The candles that are in it, wholly or in part, each as a whole; without it, the latest 500. */
  readonly window?: Window;
  /** Only of these; otherwise of all, and those of no venue. */
  readonly venues?: readonly string[];
}

/** Why there is no answer; `message` says what to do. `NOT_FOUND`: there is no bar of this market at all. */
export interface CandleRefusal {
  readonly code: "NOT_FOUND" | "RATE_LIMITED" | "VALIDATION_FAILED";
  readonly message: string;
  /** Seconds after which asking again may help. */
  readonly retryAfter?: number;
}

/**
 * - `accepted`: durable if it is a personal event, else queued for every gateway
 * - `duplicate`: its `id` has been accepted before
 * - `overloaded`: too much waits to be delivered; nothing has been done, trying again later may help
 */
export type PublishOutcome = "accepted" | "duplicate" | "overloaded";

/** What a room has done since it last woke, and what it has to do. */
export interface RoomStats {
  /** Sockets, and gateways that hold them. */
  readonly subscribers: number;
  readonly gateways: number;
  /** Events accepted. */
  readonly published: number;
  /** Events that gave way to newer states under backlog (MKT-3), and events that were lost; counted for each gateway. */
  readonly conflated: number;
  readonly lost: number;
  /** Events that wait to be sent, counted for each gateway. */
  readonly waiting: number;
  /** Gateways that are called over a link now (FAN-5): while there is one, the room does not hibernate. */
  readonly links: number;
}

export interface RoomRpc {
  /** Applies changes in order. Answers each join and connect at its index, `undefined` for the other operations. */
  update(gateway: string, ops: readonly MembershipOp[]): Promise<MembershipAnswer[]>;
  /**
   * Accepts events in order, each wholly or not at all. After the first that is `overloaded` all the others are,
   * so that repeating those keeps the order.
   */
  publish(publications: readonly Publication[]): Promise<PublishOutcome[]>;
  /** Rolls the bars of a market up into candles, ordered by time, then venue. Stores nothing. */
  candles(request: CandleRequest): Promise<Result<Bar[], CandleRefusal>>;
  stats(): Promise<RoomStats>;
}

/** What became of a batch that was relayed. */
export interface Relayed {
  /** Gateways that hold no socket of the room. */
  readonly empty: readonly string[];
  /** Gateways that could not be reached, or not in time. */
  readonly unreached: readonly string[];
}

/** What gateways are called for again and again. Frames that have come before are skipped. */
export interface FanOutRpc {
  /** Sends frames to the room's sockets here; `false` if the gateway holds none. */
  deliver(room: string, epoch: number, frames: readonly Frame[]): Promise<boolean>;
  /** Delivers here, and passes on to other gateways (FAN-3). */
  relay(room: string, epoch: number, frames: readonly Frame[], others: readonly string[]): Promise<Relayed>;
}

export interface GatewayRpc extends FanOutRpc {
  /** Opens a link (FAN-5): the caller gets a stub to dispose of. `undefined` if the gateway would rather hibernate. */
  link(): Promise<FanOutRpc | undefined>;
  /** Ends a connection of a socket that has come back on another one. */
  supersede(room: string, socketId: string, connection: number): Promise<void>;
}
