import type { EngineApplication } from "../../../src/engineio/server.ts";
import { EngineDurableObject } from "../../../src/gateway/engine-do.ts";
import type { GatewayHost, HostAlarm } from "../../../src/gateway/host.ts";
import { after } from "../../../src/lib/after.ts";
import { describeError, log } from "../../../src/lib/log.ts";
import { ID_LENGTH, randomToken } from "../../../src/lib/random.ts";
import { type SocketApplication, SocketServer } from "../../../src/socketio/server.ts";
import { DriverApplication } from "./driver-application.ts";
import { EchoApplication } from "./echo-application.ts";

export interface EchoEnv {
  readonly ENGINE_ECHO: DurableObjectNamespace<EngineEcho>;
  readonly SOCKET_ECHO: DurableObjectNamespace<SocketEcho>;
  readonly SOCKET_DRIVER: DurableObjectNamespace<SocketDriver>;
}

abstract class EchoDurableObject extends EngineDurableObject<EchoEnv> {
  protected override due(deadline: HostAlarm): Promise<number | undefined> {
    return this.host.alarm(deadline);
  }

  protected socketServer<Data>(application: SocketApplication<Data>): SocketServer<Data> {
    return new SocketServer({
      application,
      createId: () => randomToken(ID_LENGTH),
      closeSession: (session, reason) => this.host.engine.close(session, reason),
      onError: (error) => log("error", "connect_failed", { error: describeError(error) }),
      after,
    });
  }
}

/** Bare Engine.IO: every message goes back to its sender. */
export class EngineEcho extends EchoDurableObject {
  protected readonly host: GatewayHost;

  constructor(ctx: DurableObjectState, env: EchoEnv) {
    super(ctx, env);
    const application: EngineApplication = {
      // There is nothing to wait for: the connect timeout is Socket.IO's.
      open: (session) => session.save(undefined, true),
      restore: () => {},
      message: (session, data) => session.sendMessage(data),
      close: () => {},
    };
    this.host = this.createHost(application);
    this.host.restore();
  }
}

/** Socket.IO without a token. */
export class SocketEcho extends EchoDurableObject {
  protected readonly host: GatewayHost;

  constructor(ctx: DurableObjectState, env: EchoEnv) {
    super(ctx, env);
    this.host = this.createHost(this.socketServer(new EchoApplication()));
    this.host.restore();
  }
}

/** Socket.IO that does what its clients order. */
export class SocketDriver extends EchoDurableObject {
  protected readonly host: GatewayHost;

  constructor(ctx: DurableObjectState, env: EchoEnv) {
    super(ctx, env);
    const application = new DriverApplication(({ session }) =>
      this.host.engine.close(session, "forced close"),
    );
    this.host = this.createHost(this.socketServer(application));
    this.host.restore();
  }
}
