import type { Client, TransportName } from "./client.ts";
import type { Wire, WireOptions } from "./wire.ts";

/** Joins `nsp` and reads past the greeting. Returns the socket's id. */
export const join = async (wire: Wire, nsp = "/"): Promise<string> => {
  const head = nsp === "/" ? "" : `${nsp},`;
  wire.send(`40${head}`);
  const answer = String(await wire.receive());
  if (!answer.startsWith(`40${head}{`)) throw new Error(`CONNECT was answered ${answer}`);
  const greeting = await wire.receive();
  if (greeting !== `42${head}["auth",{}]`) throw new Error(`CONNECT was followed by ${greeting}`);
  return (JSON.parse(answer.slice(`40${head}`.length)) as { sid: string }).sid;
};

/** A session whose client has joined `/`. */
export const joined = async (
  client: Client,
  transport: TransportName,
  options?: WireOptions,
): Promise<Wire> => {
  const wire = await client.wire(transport, "socket.io", options);
  await join(wire);
  return wire;
};

/** Waits until the server has acted on what was sent before: it may leave a namespace a moment later. */
export const settle = async (wire: Wire): Promise<void> => {
  wire.send("40/unknown,");
  const answer = await wire.receive();
  if (!String(answer).startsWith("44/unknown,"))
    throw new Error(`An unknown namespace was answered ${answer}`);
};
