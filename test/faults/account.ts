/** What became of a user's events at one client. */
export interface Account {
  readonly lost: number;
  readonly doubled: number;
  readonly disordered: number;
  /** Never published. */
  readonly unknown: number;
}

/** Compares what was sent, in order and without repeats, with what was received. */
export const accountFor = (sent: readonly number[], received: readonly number[]): Account => {
  const places = new Map(sent.map((number, place) => [number, place]));
  const seen = new Set<number>();
  let doubled = 0;
  let disordered = 0;
  let unknown = 0;
  let latest = -1;
  for (const number of received) {
    const place = places.get(number);
    if (place === undefined) unknown++;
    else if (seen.has(number)) doubled++;
    else {
      seen.add(number);
      if (place < latest) disordered++;
      latest = Math.max(latest, place);
    }
  }
  return { lost: sent.length - seen.size, doubled, disordered, unknown };
};
