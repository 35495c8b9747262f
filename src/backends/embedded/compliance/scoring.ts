/** What labels are worth in a score, and the levels of scores. Chosen by this service, not by the method. Pure. */
import Big from "big.js";

/** Of an address with a label of a category. */
export interface CategoryRating {
  /** The score of the address itself. */
  readonly own: number;
  /** Points for the whole of the funds: a hundredth of them for each percent. */
  readonly weight: number;
}

export const CATEGORIES: Readonly<Record<string, CategoryRating>> = {
  sanctions: { own: 100, weight: 500 },
  terrorist_financing: { own: 100, weight: 500 },
  ransomware: { own: 95, weight: 400 },
  theft: { own: 90, weight: 400 },
  darknet_market: { own: 85, weight: 300 },
  scam: { own: 80, weight: 300 },
  mixer: { own: 70, weight: 200 },
  gambling: { own: 30, weight: 50 },
  exchange: { own: 0, weight: 0 },
  merchant: { own: 0, weight: 0 },
};

const UNRATED: CategoryRating = { own: 0, weight: 0 };

export const isRated = (category: string): boolean => Object.hasOwn(CATEGORIES, category);

export const ratingOf = (category: string): CategoryRating =>
  isRated(category) ? (CATEGORIES[category] ?? UNRATED) : UNRATED;

export const MAX_SCORE = 100;

/** Each level begins at its score. */
export const LEVELS = [
  { level: "severe", from: 75 },
  { level: "high", from: 40 },
  { level: "medium", from: 10 },
  { level: "low", from: 0 },
] as const;

export type RiskLevel = (typeof LEVELS)[number]["level"] | "unknown";

export const levelOf = (score: number): RiskLevel =>
  LEVELS.find(({ from }) => score >= from)?.level ?? "unknown";

/** Shares are given, and scored, to a millionth. */
export const roundShare = (share: number): number => Big(share).round(6).toNumber();

/** Points of a rounded share, exactly. */
export const pointsOf = (category: string, share: number): Big => Big(share).times(ratingOf(category).weight);

/** The score of one direction: the sum of its points, as far as scores go. */
export const scoreOf = (points: readonly Big[]): number => {
  const sum = points.reduce((total, more) => total.plus(more), Big(0));
  return (sum.gt(MAX_SCORE) ? Big(MAX_SCORE) : sum).round(2).toNumber();
};
