import { describe, expect, it } from "vitest";
import { UNKNOWN_SESSION } from "../../../src/engineio/handshake.ts";
import { refuse } from "../../../src/gateway/handshake-refusal.ts";
import { SlowBody, settled } from "../../support/fakes.ts";

const URL = "http://gateway";
/** Node requires `duplex` where the body is a stream. */
const post = (body: ReadableStream<Uint8Array>) =>
  new Request(URL, { method: "POST", body, ...{ duplex: "half" } });

describe("CONN-1 a refusal", () => {
  it("of a request without a body comes at once", async () => {
    const response = await refuse(new Request(URL), UNKNOWN_SESSION);
    expect(response.status).toBe(400);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({ code: 1, message: "Session ID unknown" });
  });

  it("of a POST waits until its body has been read, so that its connection can be used again", async () => {
    const body = new SlowBody();
    let status: number | undefined;
    refuse(post(body.stream), UNKNOWN_SESSION).then((response) => {
      status = response.status;
    });
    body.controller.enqueue(Buffer.from("4x"));
    await settled();
    expect(status).toBeUndefined();
    body.controller.close();
    await settled();
    expect(status).toBe(400);
    expect(body.cancelled).toBe(false);
  });

  it("of a POST reads no more than 65,536 bytes", async () => {
    const body = new SlowBody();
    const refused = refuse(post(body.stream), UNKNOWN_SESSION);
    body.controller.enqueue(new Uint8Array(65_537));
    expect((await refused).status).toBe(400);
    expect(body.cancelled).toBe(true);
  });
});
