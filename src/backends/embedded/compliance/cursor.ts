import { sha256 } from "@noble/hashes/sha2.js";
import { base64urlnopad, hex, utf8 } from "@scure/base";
import * as z from "zod";
import { err, ok, type Result } from "../../../lib/result.ts";
import type { TransferKey } from "../dataset/compliance-protocol.ts";

const VERSION = 1;

const content = z.tuple([
  z.literal(VERSION),
  /** Of the chain and address that the page is of. */
  z.string(),
  z.int().nonnegative(),
  z.string().min(1).max(200),
  z.int().nonnegative(),
]);

/** Where the next page of an address begins: after this transfer. Clients need not understand it. */
export const encodeCursor = (chain: string, address: string, last: TransferKey): string => {
  const fields: z.infer<typeof content> = [
    VERSION,
    ownerOf(chain, address),
    last.timestamp,
    last.hash,
    last.position,
  ];
  return base64urlnopad.encode(utf8.decode(JSON.stringify(fields)));
};

/** Fails with a sentence for whoever sent it. */
export const decodeCursor = (chain: string, address: string, cursor: string): Result<TransferKey, string> => {
  const decoded = content.safeParse(jsonOf(cursor));
  if (!decoded.success) return err("The cursor is not one of ours. Send nextCursor as it came, or none.");
  const [, owner, timestamp, hash, position] = decoded.data;
  if (owner !== ownerOf(chain, address)) {
    return err("The cursor is of another address. Send it with the chain and address that it came for.");
  }
  return ok({ timestamp, hash, position });
};

const ownerOf = (chain: string, address: string): string =>
  hex.encode(sha256(utf8.decode(`${chain} ${address}`)).subarray(0, 6));

const jsonOf = (cursor: string): unknown => {
  try {
    return JSON.parse(utf8.encode(base64urlnopad.decode(cursor)));
  } catch {
    return undefined;
  }
};
