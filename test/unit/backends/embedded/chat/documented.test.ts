import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { RealData, TestConversation } from "./real-data.ts";

it("docs/embedded.md shows what the assistant says of the recorded trades", async () => {
  const page = readFileSync(path.resolve(import.meta.dirname, "../../../../../docs/embedded.md"), "utf8");
  const [, chat = ""] = page.split("\n## Chat\n");
  const [, transcript = "", sql = ""] = /```text\n(.*?)\n```\n\n```sql\n(.*?)\n```/s.exec(chat) ?? [];
  const turns = [...transcript.matchAll(/^> (.*)\n((?:(?!> ).+\n?)+)/gm)];
  expect(turns.length).toBeGreaterThan(5);
  const talk = new TestConversation(new RealData().engine());
  for (const [i, [, question = "", answer = ""]] of turns.entries()) {
    const said = await talk.ask(question);
    expect(said.prose).toBe(answer.trimEnd());
    if (i === 0) expect(said.sql).toBe(sql);
  }
});
