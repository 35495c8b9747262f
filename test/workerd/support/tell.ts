import type { MembershipAnswer, MembershipOp, RoomRpc } from "../../../src/rooms/protocol.ts";

/** Tells a room changes of a gateway's part in it, and returns its answers. */
export const tell = async (
  room: Pick<RoomRpc, "update">,
  gateway: string,
  ops: readonly MembershipOp[],
): Promise<MembershipAnswer[]> => room.update(gateway, ops);
