import { isApplicationId } from "../../../events/applications.ts";
import { isUserId } from "../../../events/rooms.ts";

/** Whose credits a ledger holds. */
export interface LedgerOwner {
  readonly applicationId: string;
  readonly userId: string;
}

/** The name of the ledger of a user in an application, both ids valid. At most 193 bytes. */
export const ledgerName = (applicationId: string, userId: string): string => `${applicationId}|${userId}`;

/** Reads a name. No application id holds a `|`, so the first one ends it, whatever the user id holds. */
export const parseLedgerName = (name: string): LedgerOwner | undefined => {
  const bar = name.indexOf("|");
  const applicationId = name.slice(0, bar);
  const userId = name.slice(bar + 1);
  return bar > 0 && isApplicationId(applicationId) && isUserId(userId)
    ? { applicationId, userId }
    : undefined;
};
