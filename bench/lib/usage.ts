import { cpuMs } from "./cpu.ts";
import { peakBytes, resetPeak } from "./memory.ts";

/** What a server's processes used while something was measured; absent where the platform does not tell. */
export interface Usage {
  /** User and system time, ms. */
  readonly serverCpuMs?: number;
  /** The most memory they had resident meanwhile. */
  readonly serverPeakBytes?: number;
}

/** Starts counting; what it returns has the outcome until then. */
export const meter = (pids: readonly number[]): (() => Usage) => {
  resetPeak(pids);
  const before = cpuMs(pids);
  return () => {
    const [after, serverPeakBytes] = [cpuMs(pids), peakBytes(pids)];
    return {
      ...(before !== undefined && after !== undefined && { serverCpuMs: after - before }),
      ...(serverPeakBytes !== undefined && { serverPeakBytes }),
    };
  };
};
