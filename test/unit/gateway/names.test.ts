import { describe, expect, it } from "vitest";
import {
  createSessionId,
  type GatewayCounts,
  gatewayCandidates,
  gatewayName,
  gatewayOf,
} from "../../../src/gateway/names.ts";

const RANDOM = "abcdefghij_-ABCDEF0123";

const each = (others: number, own: Readonly<Record<string, number>> = {}): GatewayCounts => ({
  byColo: new Map(Object.entries(own)),
  others,
});
const ANY = each(10_000);

describe("gateway names", () => {
  it.each<[unknown, string]>([
    ["AMS", "AMS-3"],
    [undefined, "local-3"],
    ["ams", "local-3"],
    ["AMSX", "local-3"],
    ["AM", "local-3"],
    ["AMS\n", "local-3"],
    [["AMS"], "local-3"],
  ])("of location %j: %s", (colo, name) => {
    expect(gatewayName(colo, 3)).toBe(name);
    expect(gatewayOf(`${name}.${RANDOM}`, ANY)).toBe(name);
  });

  it.each(["", "AMS", "AMS-", "ams-1", "AMS-12345", "AMS-1\n", " AMS-1", "other-1", "AMS--1"])(
    "%j is none",
    (name) => {
      expect(gatewayOf(`${name}.${RANDOM}`, ANY)).toBeUndefined();
    },
  );

  it("of a location are all tried once, from a random one on", () => {
    expect(gatewayCandidates("AMS", each(4), () => 0)).toEqual(["AMS-0", "AMS-1", "AMS-2", "AMS-3"]);
    expect(gatewayCandidates("AMS", each(4), () => 0.5)).toEqual(["AMS-2", "AMS-3", "AMS-0", "AMS-1"]);
    expect(gatewayCandidates("AMS", each(4), () => 0.999_999)).toEqual(["AMS-3", "AMS-0", "AMS-1", "AMS-2"]);
    expect(gatewayCandidates(undefined, each(1), () => 0.9)).toEqual(["local-0"]);
  });

  it("are as many as their location has of its own, or as all others have", () => {
    const counts = each(1, { FRA: 3 });
    expect(gatewayCandidates("FRA", counts, () => 0)).toEqual(["FRA-0", "FRA-1", "FRA-2"]);
    expect(gatewayCandidates("AMS", counts, () => 0)).toEqual(["AMS-0"]);
    expect(gatewayOf(`FRA-2.${RANDOM}`, counts)).toBe("FRA-2");
    expect(gatewayOf(`FRA-3.${RANDOM}`, counts)).toBeUndefined();
    expect(gatewayOf(`AMS-1.${RANDOM}`, counts)).toBeUndefined();
  });
});

describe("session ids", () => {
  it.each(["AMS-0", "local-9999"])("name their gateway %s and hold 22 random characters", (gateway) => {
    const id = createSessionId(gateway);
    expect(id).toMatch(new RegExp(`^${gateway}\\.[A-Za-z0-9_-]{22}$`));
    expect(gatewayOf(id, ANY)).toBe(gateway);
    expect(createSessionId(gateway)).not.toBe(id);
  });

  it.each([
    ["AMS-0", 1, "AMS-0"],
    ["AMS-1", 1, undefined],
    ["local-31", 32, "local-31"],
    ["local-32", 32, undefined],
    ["local-9999", 32, undefined],
    ["AMS-10", 9, undefined],
    ["AMS-9", 10, "AMS-9"],
    ["AMS-0", 0, undefined],
  ])("of %s, where a location has %i gateways, lead to %s", (gateway, count, found) => {
    expect(gatewayOf(createSessionId(gateway), each(count))).toBe(found);
  });

  it.each([
    "",
    "AMS-0",
    "AMS-0.",
    RANDOM,
    `AMS-0.${RANDOM}x`,
    `AMS-0.${RANDOM.slice(1)}`,
    `AMS-0.${RANDOM}\n`,
    `AMS-0.${RANDOM.slice(1)}.`,
    `xAMS-0.${RANDOM}`,
    `AMS-0.AMS-1.${RANDOM}`,
  ])("%j is none", (id) => {
    expect(gatewayOf(id, ANY)).toBeUndefined();
  });
});
