import { readFile } from "node:fs/promises";
import path from "node:path";
import { compatibility } from "../lib/compatibility.ts";
import { encodeFrame } from "../lib/events.ts";
import { postJson, type TargetKind } from "./target.ts";
import { startWorkerd } from "./workerd.ts";

/** One Durable Object that broadcasts ready-made texts to all its sockets, whatever the room: the floor (bench/floor). */
export const bareDo: TargetKind = {
  name: "bare DO",
  start: async () => {
    const workerd = await startWorkerd({
      script: await readFile(path.join(import.meta.dirname, "../floor/index.js"), "utf8"),
      ...(await compatibility()),
      vars: {},
      namespaces: { FLOOR: "Floor" },
    });
    const publish = new URL("/publish", workerd.url);
    return {
      url: workerd.url,
      pids: [workerd.pid],
      plan: { protocol: "plain", path: "/" },
      publish: async (publications) => {
        await postJson(publish, publications.map(encodeFrame));
      },
      stop: workerd.stop,
    };
  },
};
