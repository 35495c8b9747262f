import { once } from "node:events";
import { createServer } from "node:net";
import WebSocket from "ws";
import * as z from "zod";

/** A port that is free now. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("There is no free port.");
  return address.port;
};

const targets = z.array(z.object({ webSocketDebuggerUrl: z.string() }));
const usage = z.object({
  result: z.object({
    usedSize: z.number(),
    embedderHeapUsedSize: z.number().default(0),
    backingStorageSize: z.number().default(0),
  }),
});

/** Bytes that the isolate behind an inspector uses, once it has collected its garbage. */
export const isolateBytes = async (inspectorPort: number): Promise<number> => {
  const response = await fetch(`http://127.0.0.1:${inspectorPort}/json`);
  const [target] = targets.parse(await response.json());
  if (target === undefined) throw new Error("The inspector has no isolate.");
  const inspector = new WebSocket(target.webSocketDebuggerUrl);
  await once(inspector, "open");
  try {
    let id = 0;
    const ask = async (method: string): Promise<unknown> => {
      const asked = ++id;
      inspector.send(JSON.stringify({ id: asked, method }));
      for (;;) {
        const [data] = (await once(inspector, "message")) as [Buffer];
        const answer: unknown = JSON.parse(data.toString());
        if (typeof answer === "object" && answer !== null && "id" in answer && answer.id === asked)
          return answer;
      }
    };
    await ask("HeapProfiler.enable");
    await ask("HeapProfiler.collectGarbage");
    const { result } = usage.parse(await ask("Runtime.getHeapUsage"));
    return result.usedSize + result.embedderHeapUsedSize + result.backingStorageSize;
  } finally {
    inspector.terminate();
  }
};
