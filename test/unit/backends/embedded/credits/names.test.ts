import * as fc from "fast-check";
import { expect, it } from "vitest";
import { ledgerName, parseLedgerName } from "../../../../../src/backends/embedded/credits/names.ts";

const applicationId = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,64}$/);
const userId = fc.stringMatching(/^[A-Za-z0-9_.:|@+-]{1,128}$/);

it("the name of a ledger names its owner and no other, whatever the ids hold", () => {
  fc.assert(
    fc.property(applicationId, userId, (application, user) => {
      const name = ledgerName(application, user);
      expect(parseLedgerName(name)).toEqual({ applicationId: application, userId: user });
      expect(new TextEncoder().encode(name).byteLength).toBeLessThan(1_024);
    }),
  );
});

it.each(["", "|", "demo", "demo|", "|user", "a b|user", "demo|a b", `${"a".repeat(65)}|user`])(
  "%j is no ledger's name",
  (name) => {
    expect(parseLedgerName(name)).toBeUndefined();
  },
);
