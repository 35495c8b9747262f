import { DurableObject } from "cloudflare:workers";
import type { EngineApplication } from "../engineio/server.ts";
import { type Config, configOf } from "../env.ts";
import { after, sleep } from "../lib/after.ts";
import { Alarms } from "../lib/alarms.ts";
import { describeError, log } from "../lib/log.ts";
import { GatewayHost, type HostAlarm } from "./host.ts";
import { createSessionId } from "./names.ts";

/**
 * A Durable Object that holds Engine.IO sessions under some application: hands the platform's events to its host,
 * and its alarm to whom each deadline belongs. `Deadline` names those that the subclass has of its own.
 */
export abstract class EngineDurableObject<
  E extends object,
  Deadline extends string = never,
> extends DurableObject<E> {
  /** Names the gateway: `<colo>-<n>`. */
  protected readonly name: string;
  protected readonly config: Config;
  protected readonly alarms: Alarms<HostAlarm | Deadline>;
  protected abstract readonly host: GatewayHost;

  constructor(ctx: DurableObjectState, env: E) {
    super(ctx, env);
    if (ctx.id.name === undefined) throw new Error("A gateway is addressed by name.");
    this.name = ctx.id.name;
    this.config = configOf(env);
    this.alarms = new Alarms(ctx.storage, Date.now());
  }

  /** `parseContext` checks what the Worker says of handshakes; the application gets what it returns. */
  protected createHost(
    application: EngineApplication,
    parseContext: (value: unknown) => unknown = (value) => value,
  ): GatewayHost {
    const { config, name } = this;
    return new GatewayHost({
      state: this.ctx,
      alarms: this.alarms,
      config: {
        pingInterval: config.PING_INTERVAL,
        pingTimeout: config.PING_TIMEOUT,
        connectTimeout: config.CONNECT_TIMEOUT,
        upgradeTimeout: config.UPGRADE_TIMEOUT,
        maxPayload: config.MAX_PAYLOAD,
      },
      maxSessions: config.MAX_SESSIONS_PER_GATEWAY,
      application,
      createSessionId: () => createSessionId(name),
      parseContext,
      clock: Date.now,
      sleep,
      after,
    });
  }

  /** Does what is due, and returns when to do it again (ms since the epoch), if ever. */
  protected abstract due(deadline: HostAlarm | Deadline): Promise<number | undefined>;

  override fetch(request: Request): Response | Promise<Response> {
    return this.host.fetch(request);
  }

  override webSocketMessage(webSocket: WebSocket, message: string | ArrayBuffer): void {
    this.host.message(webSocket, message);
  }

  override webSocketClose(webSocket: WebSocket): void {
    this.host.closed(webSocket, "transport close");
  }

  override webSocketError(webSocket: WebSocket): void {
    this.host.closed(webSocket, "transport error");
  }

  override async alarm(): Promise<void> {
    await this.alarms.run(
      Date.now(),
      (deadline) => this.due(deadline),
      (deadline, error) => log("error", "alarm_failed", { alarm: deadline, error: describeError(error) }),
    );
  }
}
