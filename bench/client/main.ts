/** The load client, in a process of its own so that its work is not counted as the server's or publisher's. */
import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../lib/clock.ts";
import { LoadSocket } from "./load-socket.ts";
import type { Answer, Command, Delivery } from "./messages.ts";
import { Tally } from "./tally.ts";
import { Watch } from "./watch.ts";

/** Sockets connecting at a time: a listen queue holds only so many. */
const CONNECTING = 50;
/** How long to listen for what should not come. */
const SETTLE_MS = 100;

const answer = (message: Answer): void => {
  process.send?.(message);
};

/** A socket that is lost fails the run at once: it could not get its events. */
const fail = (message: string): void => {
  answer({ is: "failed", message });
};

let sockets = 0;
/** Events that came when none was awaited. */
let stragglers = 0;
const ignore = (): void => {
  stragglers++;
};
let watch: Watch | undefined;
let onEvent: (socket: number, timestamp: number) => void = ignore;

const connect = async (command: Extract<Command, { do: "connect" }>): Promise<void> => {
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
  answer({ is: "connected" });
};

const expect = async (command: Extract<Command, { do: "expect" }>): Promise<void> => {
  const { base, events, ordered, timeoutMs } = command;
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
  answer({ is: "expecting" });
  const timer = setTimeout(resolve, timeoutMs);
  await complete;
  clearTimeout(timer);
  const { user, system } = process.cpuUsage(cpu);
  await sleep(SETTLE_MS);
  onEvent = ignore;
  const { delivered, lost, doubled, reordered } = tally;
  const delivery: Delivery = {
    ...(firstAt !== undefined && { firstAt }),
    ...(lastAt !== undefined && { lastAt }),
    delivered,
    lost,
    doubled,
    reordered,
    clientCpuMs: (user + system) / 1_000,
  };
  answer({ is: "delivered", delivery });
};

const startWatch = async ({ sampleMs }: Extract<Command, { do: "watch" }>): Promise<void> => {
  watch = new Watch(sockets, sampleMs);
  answer({ is: "watching" });
};

const settle = async ({ timeoutMs, ...expected }: Extract<Command, { do: "settle" }>): Promise<void> => {
  if (watch === undefined) throw new Error("Nothing is watched.");
  const watched = await watch.settle(expected, timeoutMs);
  watch = undefined;
  answer({ is: "settled", watched });
};

const execute = (command: Command): Promise<void> => {
  switch (command.do) {
    case "connect":
      return connect(command);
    case "expect":
      return expect(command);
    case "watch":
      return startWatch(command);
    case "settle":
      return settle(command);
  }
};

process.on("message", (command: Command) => {
  execute(command).catch((error: Error) => fail(error.message));
});
// Without its parent it has nothing to do.
process.on("disconnect", () => process.exit());
