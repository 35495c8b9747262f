import { describe } from "vitest";
import { testsOf } from "./client.ts";
import { handshakeTests } from "./engineio-handshake.ts";
import { heartbeatTests } from "./engineio-heartbeat.ts";
import { messageTests } from "./engineio-messages.ts";
import { pollingTests } from "./engineio-polling.ts";
import { upgradeTests } from "./engineio-upgrade.ts";
import type { Target } from "./settings.ts";
import { connectTests } from "./socketio-connect.ts";
import { errorTests } from "./socketio-errors.ts";
import { eventTests } from "./socketio-messages.ts";
import { stockClientTests } from "./stock-client.ts";

/**
 * Registers the tests of Engine.IO protocol v4 and Socket.IO protocol v5 for a server that is known by its URL
 * alone. `server` is called when the tests run, so that a `beforeAll` can start it. It must offer:
 *
 * - `/engine.io/`: bare Engine.IO over polling and WebSocket; every message goes back to its sender.
 * - `/socket.io/`: Socket.IO with the namespaces `/` and `/custom`, open to all, without connection state
 *   recovery. CONNECT is answered with `{sid}` and then an event `auth` with the payload of CONNECT (`{}` if there
 *   was none). In `/`, `message` is answered with an event `message-back` and `message-with-ack` with an
 *   acknowledgement, of the same arguments. Nothing else is ever sent.
 */
export const conformance = (name: string, server: () => Target): void => {
  const it = testsOf(server);
  describe(name, { timeout: 30_000 }, () => {
    describe("Engine.IO", () => {
      handshakeTests(it);
      messageTests(it);
      pollingTests(it);
      upgradeTests(it);
      heartbeatTests(it);
    });
    describe("Socket.IO", () => {
      connectTests(it);
      eventTests(it);
      errorTests(it);
      stockClientTests(it);
    });
  });
};
