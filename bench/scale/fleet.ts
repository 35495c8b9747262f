import { MONTH_S } from "./bill.ts";
import type { Costs } from "./costs.ts";
import type { Load } from "./load.ts";

export interface Fleet {
  readonly instances: number;
  readonly redisNodes: number;
  /** A month: instances and Redis; with what goes through the load balancer; and to the internet. */
  readonly computeUsd: number;
  readonly balancerUsd: number;
  readonly egressUsd: number;
}

const HOURS = MONTH_S / 3_600;
/** A node, and one to take over. */
const COPIES = 2;

/** Socket.IO processes with the Redis adapter for the same load, in one region. */
export const fleetOf = ({ workload, rooms, deliveries }: Load, costs: Costs): Fleet => {
  const { instanceTarget, instanceProcesses } = costs;
  const processes = deliveries / (costs.peerDeliveriesPerSecond * instanceTarget);
  const instances = Math.max(
    COPIES,
    Math.ceil(processes / instanceProcesses),
    Math.ceil(workload.sockets / costs.instanceSockets),
  );
  const events =
    rooms.reduce((sum, { market }) => sum + market.rate, 0) + workload.sockets * workload.personalRate;
  // Every process gets every event, whoever it is for.
  const handedOut = events * instances * instanceProcesses;
  const redisNodes = COPIES * Math.ceil(handedOut / costs.redisMessagesPerSecond);
  const gb = (deliveries * workload.eventBytes * MONTH_S) / 1e9;
  return {
    instances,
    redisNodes,
    computeUsd: HOURS * (instances * costs.instanceUsd + redisNodes * costs.redisUsd),
    balancerUsd: gb * costs.balancerGbUsd,
    egressUsd: gb * costs.egressUsd,
  };
};
