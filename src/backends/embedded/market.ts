import { marketRoom } from "../../events/rooms.ts";
import type { Sleep } from "../../lib/after.ts";
import { describeError, type Log } from "../../lib/log.ts";
import { callRetrying } from "../../lib/rpc.ts";
import type { CandleRequest, RoomRpc } from "../../rooms/protocol.ts";
import { type BackendEvent, failure, type Handler } from "../backend.ts";
import { RETRY_AFTER_S } from "../failures.ts";

/** The rooms, as the platform binds them. */
export interface Markets {
  getByName(name: string): Pick<RoomRpc, "candles">;
}

export interface MarketDataDeps {
  readonly markets: Markets;
  readonly sleep: Sleep;
  readonly log: Log;
}

/** Answers `request_market_data` with candles that the market's room rolls up from its bars. */
export const marketDataHandler = ({ markets, sleep, log }: MarketDataDeps): Handler<"request_market_data"> =>
  async function* (request): AsyncGenerator<BackendEvent> {
    const { symbol, resolution, window, venues } = request.payload;
    const room = marketRoom(symbol);
    const asked: CandleRequest = {
      userId: request.userId,
      resolution,
      ...(window !== undefined && { window }),
      ...(venues !== undefined && { venues }),
    };
    try {
      // Each attempt takes a fresh stub.
      const answer = await callRetrying(() => markets.getByName(room).candles(asked), sleep);
      if (answer.ok) yield { event: "market_data_response", data: { symbol, candles: answer.value } };
      else yield failure(request, answer.error);
    } catch (error) {
      log("error", "candles_failed", { room, error: describeError(error) });
      const message = "The market cannot be read now. Try again.";
      yield failure(request, { code: "INTERNAL", message, retryAfter: RETRY_AFTER_S });
    }
  };
