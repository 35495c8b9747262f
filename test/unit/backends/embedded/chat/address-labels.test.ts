import { beforeEach, describe, expect, it } from "vitest";
import { RealData, TestConversation } from "./real-data.ts";

const ADDRESS = "0x00000000219ab540356cBB839Cbe05303d7705Fa";
const LOWER = ADDRESS.toLowerCase();
const COSMOS = "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh";

let data: RealData;

beforeEach(() => {
  data = new RealData();
});

const label = (chain: string, address: string, name: string, category = "", source = "us", asOf = "") =>
  data.storage.database
    .prepare("INSERT INTO address_labels VALUES (?, ?, ?, ?, '', ?, ?)")
    .run(chain, address, name, category, source, asOf);

const ask = (question: string) => new TestConversation(data.engine()).ask(question);

describe("whether an address is on a sanctions list", () => {
  it.each([19, 20, 21, 40])("is said rightly beside %i other labels", async (count) => {
    for (let i = 0; i < count; i++) label("arbitrum", LOWER, `a${i}`, "exchange", "us", "2024-01-01");
    const none = (await ask(`Is ${ADDRESS} sanctioned?`)).prose;
    expect(none).toContain(`${ADDRESS} is on no sanctions list in the data, looked up on any chain`);
    label("ethereum", LOWER, "OFAC SDN", "sanctions", "list", "2024-01-01");
    const { prose } = await ask(`Is ${ADDRESS} sanctioned?`);
    expect(prose).toContain(`${ADDRESS} is on a sanctions list`);
    expect(prose).toContain("- OFAC SDN (category sanctions) on ethereum; source: list, as of 2024-01-01");
  });

  it("is also looked up on chains whose addresses are not checked", async () => {
    label("linea", ADDRESS, "Listed", "sanctions");
    for (const address of [ADDRESS, LOWER]) {
      expect((await ask(`Is ${address} sanctioned?`)).prose).toContain(`${address} is on a sanctions list`);
    }
    expect((await ask(`Is ${COSMOS} sanctioned?`)).prose).toContain("the data has no label for it");
    label("cosmos", COSMOS, "Listed", "sanctions");
    const { prose, sql } = await ask(`What is the exposure of ${COSMOS}?`);
    expect(prose).toContain(`${COSMOS} is on a sanctions list`);
    expect(prose).toContain("I look up transfers only of addresses whose form I know.");
    expect(await data.query(sql ?? "")).toMatchObject([{ chain: "cosmos" }]);
  });

  it("is said of no more than the chain that was asked about", async () => {
    label("ethereum", LOWER, "Listed", "sanctions");
    const { prose } = await ask(`Is ${ADDRESS} sanctioned on arbitrum?`);
    expect(prose).toContain(`The data has no label for ${ADDRESS} on arbitrum.`);
    expect(prose).toMatch(/has( no sanctions list)? on arbitrum/);
    label("arbitrum", LOWER, "Exchange", "exchange");
    expect((await ask(`Is ${ADDRESS} sanctioned on arbitrum?`)).prose).toContain(
      `${ADDRESS} is on no sanctions list in the data, looked up on arbitrum. Its labels on arbitrum:`,
    );
  });
});

it("transfers of an address are said to be none only of the chains that were searched", async () => {
  const { prose } = await ask(`How many transfers does ${ADDRESS} have?`);
  expect(prose).toBe(
    `The data has no transfers of ${ADDRESS} on arbitrum, avalanche, base, bsc, ethereum, ethereum-classic, optimism and polygon.`,
  );
});

it("a label without a category or a date is said to have none", async () => {
  label("ethereum", LOWER, "Bare");
  const { prose } = await ask(`Labels of ${ADDRESS}?`);
  expect(prose).toContain("- Bare (no category) on ethereum; source: us, of no known date");
  expect((await ask("labels on ethereum")).prose).toContain("Bare: 1 address (source: us, of no known date)");
});

it("exposure to a sanctioned address is told however much other there is", async () => {
  const transfer = data.storage.database.prepare(
    "INSERT INTO transfers VALUES ('ethereum', ?, 0, 1000, ?, ?, 'ETH', '1', NULL)",
  );
  const other = (n: number) => `0x${n.toString(16).padStart(40, "0")}`;
  for (let i = 1; i <= 30; i++) {
    transfer.run(`h${i}`, other(i), LOWER);
    label("ethereum", other(i), `a${i}`, "exchange");
  }
  transfer.run("h31", LOWER, other(31));
  label("ethereum", other(31), "Z listed", "sanctions");
  expect((await ask(`exposure of ${ADDRESS}`)).prose).toContain(
    "- sent to Z listed (sanctions): 1 transfer.",
  );
});
