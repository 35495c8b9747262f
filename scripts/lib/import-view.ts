import { MultiBar, Presets } from "cli-progress";

/** Shows how an import goes: a bar on a terminal, elsewhere a line now and then. */
export interface ImportView {
  /** Prints a line, above the bar. */
  line(text: string): void;
  /** @param bytes read of the file */
  update(bytes: number, rows: number): void;
  stop(): void;
}

/** Between two lines where there is no terminal. */
const LINE_EVERY_MS = 5_000;

export const importView = (name: string, totalBytes: number): ImportView =>
  process.stderr.isTTY ? barView(name, totalBytes) : lineView(totalBytes);

const barView = (name: string, totalBytes: number): ImportView => {
  const bars = new MultiBar(
    {
      format: " {bar} {percentage} % | {rows} rows | {eta_formatted} left | {name}",
      etaBuffer: 100,
    },
    Presets.shades_grey,
  );
  const bar = bars.create(totalBytes, 0, { name, rows: 0 });
  return {
    line: (text) => bars.log(`${text}\n`),
    update: (bytes, rows) => bar.update(bytes, { rows }),
    stop: () => {
      // Prints the lines that wait for the next update.
      bars.update();
      bars.stop();
    },
  };
};

const lineView = (totalBytes: number): ImportView => {
  let printedAt = Date.now();
  return {
    line: (text) => console.error(text),
    update: (bytes, rows) => {
      if (Date.now() - printedAt < LINE_EVERY_MS) return;
      printedAt = Date.now();
      console.error(`${rows} rows, ${Math.floor((100 * bytes) / Math.max(1, totalBytes))} %`);
    },
    stop: () => undefined,
  };
};
