import path from "node:path";
import { build, type LocalServer, type Project, startServer } from "../../scripts/lib/local-server.ts";
import { ROOT } from "../../scripts/lib/wrangler.ts";

/** The gateway's code under echo applications: worker/index.ts. */
const ECHO: Project = {
  config: path.join(ROOT, "test/conformance/worker/wrangler.toml"),
  dist: path.join(ROOT, "dist/conformance"),
};

export interface GatewayServerOptions {
  readonly host?: string;
  readonly port?: number;
  /** Variables of the Worker: README, "Configuration". */
  readonly vars: Readonly<Record<string, string>>;
  readonly onLog?: (line: string) => void;
}

/** Builds and serves it. */
export const startGatewayServer = async (options: GatewayServerOptions): Promise<LocalServer> => {
  await build(ECHO);
  const { host = "127.0.0.1", port = 0, vars, onLog } = options;
  return startServer({ project: ECHO, host, port, vars, ...(onLog !== undefined && { onLog }) });
};
