export type LogLevel = "debug" | "info" | "warn" | "error";

/** Values a log line may carry. Tokens, keys and session ids never belong here: a session id is a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

/** One JSON object a line, which Workers Logs indexes by field. */
export const log: Log = (level, event, fields) => {
  console[level](JSON.stringify({ event, ...fields }));
};

/** An error's message for a log line. Never sent to a client: messages of the platform name internals. */
export const describeError = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);
