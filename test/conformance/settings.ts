/** What the server under test is configured with: times in ms, sizes in bytes. */
export interface Settings {
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly connectTimeout: number;
  readonly maxPayload: number;
  /** How long an upgrade may take. It is tested when it is at most 2 s. */
  readonly upgradeTimeout: number;
}

/** Short enough to wait for; long enough that a busy machine still answers pings in time. */
export const SETTINGS: Settings = {
  pingInterval: 300,
  pingTimeout: 200,
  connectTimeout: 1_500,
  maxPayload: 1_000_000,
  upgradeTimeout: 1_000,
};

/** A server under test: `url` is what `/engine.io/` and `/socket.io/` are appended to. */
export interface Target {
  readonly url: string;
  readonly settings: Settings;
}
