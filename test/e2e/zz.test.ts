import { it } from "vitest";
import { startService, bar } from "../support/service.ts";
import { engineUrl, RawClient } from "../support/raw-client.ts";
it("x", async () => {
  const run = async (what: string, fn: (s: Awaited<ReturnType<typeof startService>>) => Promise<unknown>) => {
    const s = await startService({ vars: { GATEWAYS_PER_COLO: "1" } });
    await fn(s);
    const t = Date.now();
    const r = await Promise.race([s.evict("Gateway", "local-0").then(() => "evicted", (e) => e.message), new Promise((r) => setTimeout(r, 3000, "stuck"))]);
    console.log(what, r, Date.now() - t);
    await s.stop();
  };
  const raw = async (s: any) => { const r = new RawClient(engineUrl(s.url)); await r.frame("0"); return r; };
  await run("1 raw", (s) => raw(s));
  await run("2 raw seq", async (s) => { await raw(s); await raw(s); });
  await run("4 raw par", async (s) => { await Promise.all([raw(s), raw(s), raw(s), raw(s)]); });
  await run("2 seq", async (s) => { await s.connect("u"); await s.connect("u"); });
  await run("2 seq users", async (s) => { await s.connect("u"); await s.connect("v"); });
  await run("2 par users", async (s) => { await Promise.all([s.connect("u"), s.connect("v")]); });
  await run("2 par same user", async (s) => { await Promise.all([s.connect("u"), s.connect("u")]); });
  await run("4 par", async (s) => { await Promise.all([1,2,3,4].map((n) => s.connect("u" + n))); });
}, 200000);
