import { parseArgs } from "node:util";
import { portIsFree } from "../../scripts/lib/local-server.ts";
import { startGatewayServer } from "./gateway-server.ts";

const USAGE = `Usage: npm run conformance:serve -- --port <n>

Serves the gateway's code under echo applications, for conformance suites:
  /engine.io/   bare Engine.IO; every message goes back to its sender
  /socket.io/   namespaces / and /custom; "auth" after CONNECT; "message" -> "message-back", "message-with-ack" -> ack

Set by the environment: PING_INTERVAL (300), PING_TIMEOUT (200), CONNECT_TIMEOUT (1500), in ms, and MAX_PAYLOAD
(1000000), in bytes; also UPGRADE_TIMEOUT (10000).`;

const DEFAULTS = {
  PING_INTERVAL: "300",
  PING_TIMEOUT: "200",
  CONNECT_TIMEOUT: "1500",
  MAX_PAYLOAD: "1000000",
  UPGRADE_TIMEOUT: "10000",
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { port: { type: "string", default: "3000" }, help: { type: "boolean", default: false } },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`No such port: ${values.port}`);
  const stopping = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => resolve());
  });
  const host = "localhost";
  if (!(await portIsFree(host, port))) throw new Error(`Port ${port} is taken. Choose another with --port.`);
  const vars = Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, value]) => [name, process.env[name] || value]),
  );
  const server = await startGatewayServer({ host, port, vars });
  console.log(`Ready at http://${host}:${port}`, vars);
  await stopping;
  await server.stop();
};

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
