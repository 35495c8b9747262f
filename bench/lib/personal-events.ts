import type { Publication, Target } from "../servers/target.ts";
import { userId } from "./credentials.ts";

/** An event that is kept for a user who is away. */
export const PERSONAL_EVENT = "credits_granted";

/** Time of the event numbered 0. */
export const FIRST_MS = 1_723_161_600_000;

/** For each of the first `users` users, events numbered `from` to `to`, which is their `amount`. */
export const personalEvents = (users: number, from: number, to: number): Publication[] =>
  Array.from({ length: users }, (_, user) => user).flatMap((user) =>
    Array.from({ length: to - from + 1 }, (_, index) => personalEvent(user, from + index)),
  );

/** Its `timestamp` is `FIRST_MS` and its number. */
export const personalEvent = (user: number, number: number): Publication => ({
  room: `user:${userId(user)}`,
  event: PERSONAL_EVENT,
  data: {
    amount: number,
    newBalance: number,
    reason: "monthly_grant",
    transactionId: `txn_${number}`,
    timestamp: FIRST_MS + number,
  },
});

/** In one request; the service takes no more. */
const BATCH = 1_000;

/** Publishes them, request by request. */
export const publishAll = async (target: Target, publications: readonly Publication[]): Promise<void> => {
  for (let start = 0; start < publications.length; start += BATCH) {
    await target.publish(publications.slice(start, start + BATCH));
  }
};
