/** 12.3 k, 4.56 M: three digits are more than a model knows. */
export const short = (value: number): string => {
  for (const [size, unit] of [
    [1e9, " G"],
    [1e6, " M"],
    [1e3, " k"],
  ] as const) {
    if (value >= size * 0.9995) return `${Number((value / size).toPrecision(3))}${unit}`;
  }
  return String(Number(value.toPrecision(value < 1 ? 2 : 3)));
};

export const usd = (value: number): string => `$${short(value)}`;

export const percent = (share: number): string =>
  share > 0 && share < 0.005 ? "<1%" : `${Math.round(share * 100)}%`;

/** Milliseconds as whole numbers, from ten seconds on as seconds. */
export const duration = (ms: number): string =>
  ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1_000)} s`;
