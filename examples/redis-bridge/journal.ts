const QUIET_MS = 1_000;

/** Counts what happens, and says of each kind at most once a second how often it has, as a line of JSON. */
export class Journal {
  readonly #kinds = new Map<string, { count: number; saidAt: number }>();
  readonly #say: (line: string) => void;
  readonly #now: () => number;

  constructor(say: (line: string) => void, now: () => number) {
    this.#say = say;
    this.#now = now;
  }

  /** Only counts. */
  count(kind: string, more = 1): void {
    this.#entry(kind).count += more;
  }

  /** Counts and says. `detail` holds no payloads and no secrets. */
  note(kind: string, detail: object = {}, more = 1): void {
    const entry = this.#entry(kind);
    entry.count += more;
    const now = this.#now();
    if (now - entry.saidAt < QUIET_MS) return;
    entry.saidAt = now;
    this.#say(JSON.stringify({ note: kind, ...detail, count: entry.count }));
  }

  /** Says all counts. */
  total(): void {
    const counts = [...this.#kinds].map(([kind, { count }]) => [kind, count]);
    this.#say(JSON.stringify({ note: "ended", ...Object.fromEntries(counts) }));
  }

  #entry(kind: string): { count: number; saidAt: number } {
    const entry = this.#kinds.get(kind) ?? { count: 0, saidAt: Number.NEGATIVE_INFINITY };
    this.#kinds.set(kind, entry);
    return entry;
  }
}
