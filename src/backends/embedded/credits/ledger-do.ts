import { DurableObject } from "cloudflare:workers";
import { configOf, type Env } from "../../../env.ts";
import { userRoom } from "../../../events/rooms.ts";
import { sleep } from "../../../lib/after.ts";
import { Alarms } from "../../../lib/alarms.ts";
import { describeError, log } from "../../../lib/log.ts";
import { ID_LENGTH, randomToken } from "../../../lib/random.ts";
import { callRetrying } from "../../../lib/rpc.ts";
import { type LedgerAlarm, LedgerCore } from "./ledger.ts";
import { parseLedgerName } from "./names.ts";
import type { Balance, Deducted, Deduction, Grant, Granted, LedgerRpc, Standing } from "./protocol.ts";

/** Added to the longest time that a request may run: its end, and its first result, take a while to get here. */
const HOLD_SLACK_MS = 60_000;

/** Holds the credits of one user in one application; see `ledgerName`. */
export class Ledger extends DurableObject<Env> implements LedgerRpc {
  readonly #alarms: Alarms<LedgerAlarm>;
  readonly #core: LedgerCore;
  readonly #name: string;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#name = ctx.id.name ?? "";
    const owner = parseLedgerName(this.#name);
    if (owner === undefined) throw new Error("A ledger is addressed by the name of its owner.");
    const { CREDITS_WELCOME, REQUEST_TIMEOUT } = configOf(env);
    const room = userRoom(owner.userId);
    this.#alarms = new Alarms(ctx.storage, Date.now());
    this.#core = new LedgerCore({
      applicationId: owner.applicationId,
      sql: ctx.storage.sql,
      transaction: (run) => this.#transaction(run),
      alarms: this.#alarms,
      publish: (publications) => callRetrying(() => env.ROOMS.getByName(room).publish(publications), sleep),
      onPublishError: (error) => this.#failed("credits_publish_failed", error),
      welcome: CREDITS_WELCOME,
      holdMs: REQUEST_TIMEOUT + HOLD_SLACK_MS,
      clock: Date.now,
      newId: () => randomToken(ID_LENGTH),
    });
  }

  async deduct(deduction: Deduction): Promise<Deducted> {
    return this.#core.deduct(deduction);
  }

  async settle(requestId: string): Promise<Standing> {
    return this.#core.settle(requestId);
  }

  async refund(requestId: string): Promise<Standing> {
    return this.#core.refund(requestId);
  }

  async grant(grant: Grant): Promise<Granted> {
    return this.#core.grant(grant);
  }

  async balance(): Promise<Balance> {
    return this.#core.balance();
  }

  override async alarm(): Promise<void> {
    await this.#alarms.run(
      Date.now(),
      (name) => this.#core.alarm(name),
      (name, error) => this.#failed("alarm_failed", error, name),
    );
  }

  #failed(event: string, error: unknown, alarm?: LedgerAlarm): void {
    log("error", event, { ledger: this.#name, alarm, error: describeError(error) });
  }

  #transaction<T>(run: () => T): T {
    try {
      return this.ctx.storage.transactionSync(run);
    } catch (error) {
      // What is in memory says more than what is stored: only a new life can be trusted.
      this.#failed("ledger_storage_failed", error);
      this.ctx.abort(describeError(error));
      throw error;
    }
  }
}
