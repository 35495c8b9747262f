import { describe, expect, it } from "vitest";
import { billOf, CAUSES, type Use, type UseByCause, useOf } from "../../../bench/scale/bill.ts";
import { costs } from "../../../bench/scale/costs.ts";
import { fill } from "../../../bench/scale/fill.ts";
import { fleetOf } from "../../../bench/scale/fleet.ts";
import { linksOf } from "../../../bench/scale/links.ts";
import { loadOf } from "../../../bench/scale/load.ts";
import { fit } from "../../../bench/scale/regression.ts";
import { workloadOf } from "../../../bench/scale/workload.ts";

const NOTHING: Use = {
  workerRequests: 0,
  workerCpuMs: 0,
  objectRequests: 0,
  gbSeconds: 0,
  rowsRead: 0,
  rowsWritten: 0,
};
const using = (part: Partial<Use>, storedGb = 0): UseByCause => ({
  ...(Object.fromEntries(CAUSES.map((cause) => [cause, NOTHING])) as Record<(typeof CAUSES)[number], Use>),
  "market fan-out": { ...NOTHING, ...part },
  storedGb,
});

describe("the bill", () => {
  it("is the plan alone for what is included", () => {
    expect(billOf(using({ objectRequests: 0.3, rowsWritten: 19 }, 5), costs).usd).toBe(5);
  });

  it("is what one comes to by hand", () => {
    const used = using(
      {
        workerRequests: 10,
        workerCpuMs: 20,
        objectRequests: 1_000,
        gbSeconds: 1,
        rowsRead: 20_000,
        rowsWritten: 100,
      },
      105,
    );
    const { byPrice, usd, byCause } = billOf(used, costs);
    // A month has 2,592,000 s.
    expect(byPrice.workerRequests).toBeCloseTo((25.92 - 10) * 0.3);
    expect(byPrice.workerCpuMs).toBeCloseTo((51.84 - 30) * 0.02);
    expect(byPrice.objectRequests).toBeCloseTo((2_592 - 1) * 0.15);
    expect(byPrice.gbSeconds).toBeCloseTo((2.592 - 0.4) * 12.5);
    expect(byPrice.rowsRead).toBeCloseTo((51_840 - 25_000) * 0.001);
    expect(byPrice.rowsWritten).toBeCloseTo(259.2 - 50);
    expect(byPrice.storage).toBeCloseTo(100 * 0.2);
    expect(usd).toBeCloseTo(4.776 + 0.4368 + 388.65 + 27.4 + 26.84 + 209.2 + 20 + 5);
    expect(byCause["market fan-out"]).toBeCloseTo(7.776 + 1.0368 + 388.8 + 32.4 + 51.84 + 259.2);
    expect(byCause.heartbeat).toBe(0);
  });
});

const load = loadOf(workloadOf(100_000), { gatewaysPerColo: 4, width: 256, coalesceMs: 0 }, costs);

describe("what is used", () => {
  it("differs with links by the calls that are not requests, and by objects that are never idle", () => {
    const links = linksOf(load);
    const [without, used] = [useOf(load, costs), useOf(load, costs, links)];
    const { calls, requests } = links.ofRooms;
    const [before, after] = [without["market fan-out"], used["market fan-out"]];
    expect(before.objectRequests - after.objectRequests).toBeCloseTo(calls - requests);
    // Each room makes, and each gateway takes, more than 10 calls a second.
    expect(after.gbSeconds).toBeCloseTo(0.128 * (load.rooms.length + load.gateways));
    expect(before.gbSeconds).toBeLessThan(after.gbSeconds);
    expect({ ...used, "market fan-out": before }).toEqual(without);
  });
});

describe("other ways", () => {
  it("has as many instances as their target takes for the deliveries", () => {
    const fleet = fleetOf(load, {
      ...costs,
      peerDeliveriesPerSecond: 50_000,
      instanceTarget: 0.5,
      instanceProcesses: 2,
    });
    expect(fleet.instances).toBe(Math.ceil(load.deliveries / 50_000));
  });
});

describe("calibration", () => {
  it("finds what each part costs, and nothing below 0", () => {
    const sizes = [
      [1, 1, 10],
      [1, 5, 40],
      [1, 2, 90],
      [1, 7, 30],
    ];
    const costOf = (parts: readonly number[]) =>
      sizes.map((counts) => ({
        counts,
        cost: counts.reduce((sum, count, index) => sum + count * (parts[index] ?? 0), 0),
      }));
    const [base = 0, each = 0, socket = 0] = fit(costOf([200, 30, 4]));
    expect([base, each, socket].map(Math.round)).toEqual([200, 30, 4]);
    expect(Math.min(...fit(costOf([200, -10, 4])))).toBe(0);
  });
});

describe("the document", () => {
  it("has its tables replaced, and nothing else", () => {
    const document = "Text\n<!-- a -->\nold\n<!-- /a -->\nmore";
    expect(fill(document, { a: "new" })).toBe("Text\n<!-- a -->\n\nnew\n\n<!-- /a -->\nmore");
    expect(() => fill(document, { b: "new" })).toThrow("no place for b");
  });
});
