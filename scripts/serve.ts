import path from "node:path";
import { parseArgs } from "node:util";
import { DEMO_APPLICATION, describeDemo, importDemoData } from "./lib/demo-data.ts";
import { ensureDevCredentials } from "./lib/dev-credentials.ts";
import { build, type LocalServer, portIsFree, SERVICE, startServer } from "./lib/local-server.ts";
import { REPLAY_FILES, replay } from "./lib/replay.ts";
import { ROOT } from "./lib/wrangler.ts";

const USAGE = `Usage: npm start -- [options]      with a replay of recorded trades
       npm run dev -- [options]    without

  --port <n>          port (default 8091)
  --host <address>    address to listen on (default localhost)
  --speed <x>         replay speed, recorded seconds per second (default 1)
  --symbols <a,b>     what to replay (default ${Object.keys(REPLAY_FILES).join(",")})
  --help`;

const DEMO_USER = "demo";

class UsageError extends Error {}

const readOptions = () => {
  let values: ReturnType<typeof parse>["values"];
  const parse = () =>
    parseArgs({
      options: {
        replay: { type: "boolean", default: false },
        port: { type: "string", default: "8091" },
        host: { type: "string", default: "localhost" },
        speed: { type: "string", default: "1" },
        symbols: { type: "string", default: Object.keys(REPLAY_FILES).join(",") },
        help: { type: "boolean", default: false },
      },
    });
  try {
    ({ values } = parse());
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const port = Number(values.port);
  const speed = Number(values.speed);
  const symbols = values.symbols.split(",").map((symbol) => symbol.trim().toUpperCase());
  const unknown = symbols.find((symbol) => REPLAY_FILES[symbol] === undefined);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new UsageError(`No such port: ${values.port}`);
  if (!(speed > 0 && speed <= 1_000)) throw new UsageError(`--speed is above 0 and at most 1000`);
  if (unknown !== undefined) throw new UsageError(`No recorded trades for ${unknown}`);
  return { replay: values.replay, host: values.host, port, speed, symbols };
};

const banner = (url: string, token: string, replaying: boolean, demo: string): string => `
LedgerCore Realtime is ready at ${url}

${demo}
${replaying ? `\n  REPLAY: these are recorded trades of 2024-08-09, moved to now (venue "replay"). Not a live market.\n` : ""}
A JWT for the user "${DEMO_USER}" (12 hours; npm run --silent token -- <userId> makes more):

${token}

To connect, in an empty folder: npm install socket.io-client, then save as client.mjs and run node client.mjs

  import { io } from 'socket.io-client';
  const socket = io('${url}', {
    auth: { token: 'Bearer ${token}' },
  });
  socket.on('connected', (hello) => console.log('ready:', hello));
  socket.on('connect_error', (error) => console.error('refused:', error.message));
  socket.emit('subscribe', { room: 'market:BTC-USD' });
  socket.on('subscribed', ({ room }) => console.log('listening to', room));
  socket.on('market_chart_initial_data', ({ series }) => console.log('bars so far:', series.length));
  socket.on('market_chart_live_update', (tick) => console.log(tick));

To query the data of "${DEMO_APPLICATION}", add:

  socket.on('query_response', ({ rows }) => console.table(rows)).emit('query', { sql: 'SELECT symbol, count(*) AS trades, sum(size) AS volume FROM trades GROUP BY symbol', applicationId: '${DEMO_APPLICATION}' });

To publish, with the token in .dev.vars:

  curl ${url.replace("ws", "http")}/api/events -H "Authorization: Bearer $INGEST_TOKEN" \\
    -H 'content-type: application/json' \\
    -d '{"event":"credits_granted","userId":"${DEMO_USER}","data":{"amount":5,"newBalance":105,"reason":"welcome","transactionId":"t1","timestamp":1}}'

Stop with Ctrl-C.
`;

/** Brings the demo's data in, and tells what there is. The service is of use without it. */
const demoData = async (url: URL, token: string, signal: AbortSignal): Promise<string> => {
  const application = DEMO_APPLICATION;
  try {
    return describeDemo(await importDemoData({ url, token, application, signal }));
  } catch (error) {
    return `The data of the application "${application}" could not be imported. ${(error as Error).message}`;
  }
};

const main = async (): Promise<void> => {
  const options = readOptions();
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());

  if (!(await portIsFree(options.host, options.port))) {
    throw new Error(`Port ${options.port} is taken. Choose another with --port, or stop what listens there.`);
  }
  const credentials = await ensureDevCredentials();
  console.log("Building ...");
  await build(SERVICE);
  if (stopping.signal.aborted) return;
  let server: LocalServer | undefined;
  try {
    server = await startServer({
      project: SERVICE,
      host: options.host,
      port: options.port,
      devVars: true,
      persist: path.join(ROOT, ".wrangler/state/v3"),
    });
    const token = await credentials
      .signToken(DEMO_USER, "12h")
      .catch(() => "<a token of your identity provider>");
    const demo = await demoData(server.url, credentials.ingestToken, stopping.signal);
    if (stopping.signal.aborted) return;
    console.log(banner(`ws://${options.host}:${options.port}`, token, options.replay, demo));
    if (options.replay) {
      await replay({
        url: server.url,
        ingestToken: credentials.ingestToken,
        symbols: options.symbols,
        speed: options.speed,
        signal: stopping.signal,
        onError: (message) => console.error(message),
      });
    } else if (!stopping.signal.aborted) {
      await new Promise<void>((resolve) => stopping.signal.addEventListener("abort", () => resolve()));
    }
  } finally {
    await server?.stop();
  }
};

main().catch((error: Error) => {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error.message);
  process.exitCode = 1;
});
