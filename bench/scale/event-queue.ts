/** Things that happen at a time, in order; of one time, in the order in which they were told. */
export interface EventQueue {
  /** The present, in simulated ms. */
  readonly now: number;
  /** Has `happen` called at `time`, which is not in the past. */
  at(time: number, happen: () => void): void;
  /** Lets everything happen that is due until `until`, and then nothing more. */
  run(until: number): void;
}

interface Entry {
  readonly time: number;
  readonly order: number;
  readonly happen: () => void;
}

const isBefore = (a: Entry, b: Entry): boolean => a.time < b.time || (a.time === b.time && a.order < b.order);

/** A binary heap. */
export const createEventQueue = (): EventQueue => {
  const heap: Entry[] = [];
  let now = 0;
  let order = 0;

  const push = (entry: Entry): void => {
    let hole = heap.length;
    heap.push(entry);
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[hole] = parent;
      hole = above;
    }
    heap[hole] = entry;
  };

  const pop = (): Entry | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let hole = 0;
    for (;;) {
      let below = 2 * hole + 1;
      let child = heap[below];
      const sibling = heap[below + 1];
      if (child !== undefined && sibling !== undefined && isBefore(sibling, child)) {
        child = sibling;
        below++;
      }
      if (child === undefined || !isBefore(child, last)) break;
      heap[hole] = child;
      hole = below;
    }
    heap[hole] = last;
    return first;
  };

  return {
    get now() {
      return now;
    },
    at: (time, happen) => {
      if (time < now) throw new Error(`${time} is before ${now}.`);
      push({ time, order: order++, happen });
    },
    run: (until) => {
      for (let next = heap[0]; next !== undefined && next.time <= until; next = heap[0]) {
        pop();
        now = next.time;
        next.happen();
      }
      now = Math.max(now, until);
    },
  };
};
