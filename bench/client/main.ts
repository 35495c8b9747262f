/** The load client, in a process of its own so that its work is not counted as the server's or publisher's. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../lib/clock.ts";
import { serveParent } from "../lib/worker-process.ts";
import { LoadSocket } from "./load-socket.ts";
import type { Answer, Command, Delivery, Watched } from "./messages.ts";
import { Tally } from "./tally.ts";
import { Watch } from "./watch.ts";

/** Sockets connecting at a time: a listen queue holds only so many. */
const CONNECTING = 50;
/** How long to listen for what should not come. */
const SETTLE_MS = 100;

let sockets = 0;
/** Events that came when none was awaited. */
let stragglers = 0;
const ignore = (): void => {
  stragglers++;
};
let delivered: ((timeoutMs: number) => Promise<Delivery>) | undefined;
let watch: Watch | undefined;
let onEvent: (socket: number, timestamp: number) => void = ignore;

/** A socket that is lost fails the run at once: it could not get its events. */
const connect = async (
  command: Extract<Command, { do: "connect" }>,
  fail: (message: string) => void,
): Promise<void> => {
  const { url, plan, sockets: count, offerDeflate } = command;
  sockets = count;
  const address = new URL(url);
  let next = 0;
  const connectSome = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      await new LoadSocket({
        url: address,
        plan,
        offerDeflate,
        index,
        onEvent: (timestamp) => onEvent(index, timestamp),
        onText: (buffer, start, end) => watch?.take(index, buffer, start, end) ?? false,
        onFailure: fail,
      }).ready;
    }
  };
  await Promise.all(Array.from({ length: CONNECTING }, connectSome));
};

/** Counts from now on; what it returns resolves when all is there or time is up. */
const count = (command: Extract<Command, { do: "expect" }>): ((timeoutMs: number) => Promise<Delivery>) => {
  const { base, events, ordered } = command;
  const tally = new Tally(sockets, events, base, ordered);
  tally.doubled = stragglers;
  stragglers = 0;
  const cpu = process.cpuUsage();
  let firstAt: number | undefined;
  let lastAt: number | undefined;
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  onEvent = (socket, timestamp) => {
    firstAt ??= monotonicMs();
    tally.record(socket, timestamp);
    if (!tally.complete || lastAt !== undefined) return;
    lastAt = monotonicMs();
    resolve();
  };
  return async (timeoutMs) => {
    const timer = setTimeout(resolve, timeoutMs);
    await complete;
    clearTimeout(timer);
    const { user, system } = process.cpuUsage(cpu);
    await sleep(SETTLE_MS);
    onEvent = ignore;
    const { delivered, lost, doubled, reordered } = tally;
    return {
      ...(firstAt !== undefined && { firstAt }),
      ...(lastAt !== undefined && { lastAt }),
      ...{ delivered, lost, doubled, reordered },
      clientCpuMs: (user + system) / 1_000,
    };
  };
};

const settle = async ({ timeoutMs, ...expected }: Extract<Command, { do: "settle" }>): Promise<Watched> => {
  if (watch === undefined) throw new Error("Nothing is watched.");
  const watched = await watch.settle(expected, timeoutMs);
  watch = undefined;
  return watched;
};

serveParent(async (command: Command, fail): Promise<Answer> => {
  switch (command.do) {
    case "connect":
      await connect(command, fail);
      return null;
    case "expect":
      delivered = count(command);
      return null;
    case "deliver":
      if (delivered === undefined) throw new Error("Nothing is expected.");
      return delivered(command.timeoutMs);
    case "watch":
      watch = new Watch(sockets, command.sampleMs);
      return null;
    case "settle":
      return settle(command);
    default:
      return command satisfies never;
  }
});
