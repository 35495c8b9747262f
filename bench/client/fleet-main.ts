/** A fleet of clients, in a process of its own so that its work is not counted as the server's. */
import { percentile } from "../lib/stats.ts";
import { serveParent } from "../lib/worker-process.ts";
import type { Connecting, FleetAnswer, FleetCommand, Received } from "./fleet-messages.ts";
import { FleetSocket } from "./fleet-socket.ts";

let sockets: readonly FleetSocket[] = [];
/** Called with each personal event: the numbers of the socket's last before and now. */
let onEvent: (before: number, last: number) => void = () => {};

const connectAll = async (atOnce: number): Promise<Connecting> => {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const took: number[] = [];
  let next = 0;
  const connectSome = async (): Promise<void> => {
    for (let socket = sockets[next++]; socket !== undefined; socket = sockets[next++]) {
      took.push(await socket.connect());
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, sockets.length) }, connectSome));
  const elapsedMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return {
    elapsedMs,
    p50Ms: percentile(took, 0.5),
    p99Ms: percentile(took, 0.99),
    recovered: sockets.filter(({ recovered }) => recovered).length,
    clientCpuMs: (user + system) / 1_000,
  };
};

const awaitEvents = async (number: number, timeoutMs: number): Promise<Received> => {
  const { promise: complete, resolve } = Promise.withResolvers<void>();
  let left = sockets.filter(({ last }) => last < number).length;
  const timer = setTimeout(resolve, timeoutMs);
  onEvent = (before, last) => {
    if (before < number && last >= number && --left === 0) resolve();
  };
  if (left === 0) resolve();
  await complete;
  clearTimeout(timer);
  onEvent = () => {};
  let [lost, repeated] = [0, 0];
  for (const socket of sockets) {
    lost += socket.skipped + Math.max(0, number - socket.last);
    repeated += socket.repeated;
  }
  return { lost, repeated };
};

serveParent(async (command: FleetCommand, fail): Promise<FleetAnswer> => {
  switch (command.do) {
    case "connect": {
      const { path, tokens } = command;
      const url = new URL(command.url);
      sockets = Array.from(
        { length: command.sockets },
        (_, index) =>
          new FleetSocket({
            ...{ url, path, token: tokens[index % tokens.length] },
            onEvent: (before, last) => onEvent(before, last),
            onFailure: fail,
          }),
      );
      return connectAll(command.atOnce);
    }
    case "await":
      return awaitEvents(command.number, command.timeoutMs);
    case "drop":
      for (const socket of sockets) socket.drop();
      return null;
    case "return":
      return connectAll(sockets.length);
    default:
      return command satisfies never;
  }
});
