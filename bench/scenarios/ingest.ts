import type { LoadClient } from "../client/client.ts";
import { monotonicMs } from "../lib/clock.ts";
import { requestsOf, symbolOf, wholeSeries } from "../lib/ingest-series.ts";
import { FIRST_MS } from "../lib/personal-events.ts";
import { count, type Measured } from "../lib/report.ts";
import { CLASSES } from "../lib/stamped.ts";
import { type Contender, runInTurn, runRounds, withContenders } from "../lib/turns.ts";
import { meter } from "../lib/usage.ts";
import { casesOf, chartOf, faultsOf, type Job, KINDS, PEER, type Row, tables } from "./ingest-report.ts";
import { loadClients } from "./load-clients.ts";
import { inOrder } from "./measure.ts";
import type { Context, Report, Scenario } from "./scenario.ts";

type Options = Context<"rooms" | "requests" | "batch" | "at-once">;

const jobsOf = (rooms: number, { options }: Options): Job[] =>
  CLASSES.flatMap((eventClass) =>
    [1, options.batch].flatMap((batch) =>
      [1, options["at-once"]].flatMap((atOnce) =>
        // What ids cost shows one by one.
        (atOnce === 1 ? [false, true] : [false]).map((ids) => ({ eventClass, rooms, batch, atOnce, ids })),
      ),
    ),
  );

/** The next series' first number: series never share one, so a straggler shows as what it is. */
let next = 0;

/** There are so many times fewer requests where they hold more than one event. */
const BATCHES_SHARE = 10;

/** Share of a measurement's requests that come before it, not counted: they warm the code. */
const WARM_UP_SHARE = 0.2;

const measure = async (
  { target, load }: Contender<LoadClient>,
  job: Job,
  requestCount: number,
): Promise<Omit<Row, keyof Measured | keyof Job>> => {
  const { rooms, batch, atOnce } = job;
  const whole = wholeSeries(job);
  const events = Math.ceil((requestCount * batch) / whole) * whole;
  const perRoom = events / rooms;
  const first = next;
  next += perRoom;
  const requests = requestsOf({ ...job, events, first });
  // Requests that overlap may overtake each other; what is in one stays in order.
  const inOneRequest = batch % rooms === 0 ? batch / rooms : 1;
  const { delivery } = await load.expect(FIRST_MS + first, perRoom, atOnce === 1 ? perRoom : inOneRequest);
  const used = meter(target.pids);
  const ownCpu = process.cpuUsage();
  const startedAt = monotonicMs();
  await inOrder(requests, atOnce, (request) => target.publish(request));
  const acceptedMs = monotonicMs() - startedAt;
  const { user, system } = process.cpuUsage(ownCpu);
  const { lastAt, lost, doubled, reordered } = await delivery;
  const { serverCpuMs } = used();
  const deliveredMs = (lastAt ?? monotonicMs()) - startedAt;
  return {
    acceptedPerSecond: events / (acceptedMs / 1_000),
    deliveredPerSecond: events / (deliveredMs / 1_000),
    serverCpuUs: serverCpuMs && (serverCpuMs * 1_000) / events,
    publisherBusy: (user + system) / 1_000 / acceptedMs,
    ...{ lost, doubled, reordered },
  };
};

const measureJob = async (contender: Contender<LoadClient>, job: Job, round: number, requests: number) => {
  const warmUp = await measure(contender, job, Math.ceil(requests * WARM_UP_SHARE));
  const row = await measure(contender, job, requests);
  return {
    ...{ round, contender: contender.kind.name, ...job, ...row },
    // Not counted for speed, but no delivery may be wrong.
    lost: warmUp.lost + row.lost,
    doubled: warmUp.doubled + row.doubled,
    reordered: warmUp.reordered + row.reordered,
  };
};

/** Everything with one number of rooms, each contender right after the other. */
const runRooms = (rooms: number, round: number, context: Options): Promise<readonly Row[]> => {
  const { options, signal } = context;
  const contest = loadClients(KINDS, {
    sockets: rooms,
    users: rooms,
    rooms: Array.from({ length: rooms }, (_, room) => [`market:${symbolOf(room)}`]),
  });
  return withContenders(contest, round, signal, (contenders) =>
    runInTurn(jobsOf(rooms, context), round, signal, async (job) => {
      const rows: Row[] = [];
      for (const contender of contenders) {
        // It knows no ids: nothing would differ.
        if (job.ids && contender.kind.name === PEER) continue;
        const requests = Math.ceil(options.requests / (job.batch === 1 ? 1 : BATCHES_SHARE));
        rows.push(await measureJob(contender, job, round, requests));
      }
      return rows;
    }),
  );
};

const noteOf = ({ options }: Options): string =>
  `One subscriber in each room, or of each user. A publisher sends the next request when one is answered, with one or
${count(options["at-once"])} on their way. "Accepted" is not the same promise everywhere: an accepted personal event of LedgerCore is
stored and will reach its user, and one with an id is taken once however often it is sent; with ${PEER}, Redis has
the event, stored nowhere, and the Socket.IO server's part is still to be done. "Delivered" counts until the last
subscriber has everything. CPU time is that of all the server's processes until then.`;

const roomCounts = ({ options }: Options): readonly number[] => [1, options.rooms];

export const ingest: Scenario<"rooms" | "requests" | "batch" | "at-once"> = {
  name: "ingest",
  summary: "events from backends, until they are accepted and until a subscriber has them",
  rounds: 5,
  options: {
    rooms: { default: 50, help: "markets, or users, where there is more than one" },
    requests: {
      default: 2_000,
      help: "requests with one event in each measurement; a tenth of it with more",
    },
    batch: { default: 100, help: "events in a request, where there is more than one" },
    "at-once": { default: 8, help: "requests on their way, where there is more than one" },
  },
  targets: KINDS,
  run: async (context): Promise<Report> => {
    const rows = await runRounds(context, (round) =>
      runInTurn(roomCounts(context), round, context.signal, (rooms) => runRooms(rooms, round, context)),
    );
    const cases = casesOf(
      roomCounts(context).flatMap((rooms) => jobsOf(rooms, context)),
      rows,
    );
    return {
      text: [noteOf(context), ...tables(cases)].join("\n\n"),
      rows,
      goals: [],
      charts: [chartOf(cases)],
      faults: rows.flatMap(faultsOf),
    };
  },
};
