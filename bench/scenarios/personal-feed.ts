import type { Feed } from "../lib/drive.ts";
import { stampedGrant } from "../lib/stamped.ts";

/** A prime above the number of users of any run: multiples of it visit all of them in no visible order. */
const STRIDE = 1_000_003;

/** `rate` events a second, each to another user. */
export const personalFeed = (rate: number, seconds: number, users: number): Feed => ({
  intervalMs: 1_000 / rate,
  ticks: rate * seconds,
  events: (tick) => [(stamp) => stampedGrant((tick * STRIDE) % users, stamp)],
});
