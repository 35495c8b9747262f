/** The error envelope of every family (ERR-1), and the safe summary of a failed validation. Pure. */
import * as z from "zod";

export const errorCodes = [
  "RATE_LIMITED",
  "UNAUTHORIZED",
  "NOT_FOUND",
  "INTERNAL",
  "VALIDATION_FAILED",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface ErrorEnvelope {
  code: ErrorCode;
  message: string;
  /** Seconds to wait before trying again. */
  retryAfter?: number | undefined;
}

export interface ValidationIssue {
  /** Dotted, such as `venues.0`; empty when the payload as a whole is wrong. */
  path: string;
  message: string;
}

export interface ValidationError extends ErrorEnvelope {
  code: "VALIDATION_FAILED";
  /** The event whose payload was refused. */
  event: string;
  issues: ValidationIssue[];
}

/** The envelope's fields, for events that add their own to them. */
export const envelopeFields = {
  code: z.enum(errorCodes).meta({ title: "error code" }),
  message: z.string(),
  retryAfter: z.number().nonnegative().optional(),
};

export const errorEnvelope = z.looseObject(envelopeFields) satisfies z.ZodType<ErrorEnvelope>;

export const validationError = z.looseObject({
  ...envelopeFields,
  code: z.literal("VALIDATION_FAILED"),
  event: z.string(),
  issues: z.array(z.looseObject({ path: z.string(), message: z.string() })),
}) satisfies z.ZodType<ValidationError>;

export const MAX_ISSUES = 20;
export const MAX_ISSUE_CHARS = 300;

type Issue = z.core.$ZodIssue;

/**
 * What was wrong, for the client that sent it. Bounded in number and length, because
 * one message can hold thousands of faults; it names fields and expectations, never
 * the values received.
 */
export function issuesOf(error: z.ZodError): ValidationIssue[] {
  const found: ValidationIssue[] = [];
  collect(error.issues, [], found);
  return found;
}

/** The first of what was wrong with `what`, as a sentence. */
export function problemOf(what: string, error: z.ZodError): string {
  const [first] = issuesOf(error);
  const where = first?.path ? ` at ${first.path}` : "";
  return `${what} is not valid${where}: ${first?.message ?? "unknown"}.`;
}

function collect(issues: readonly Issue[], prefix: readonly PropertyKey[], found: ValidationIssue[]): void {
  for (const issue of issues) {
    if (found.length >= MAX_ISSUES) return;
    const path = [...prefix, ...issue.path];
    if (issue.code === "unrecognized_keys") {
      // zod's own message lists every unknown name, however many and long.
      const room = MAX_ISSUES - found.length;
      for (const key of issue.keys.slice(0, room)) found.push(describe([...path, key], "Unknown field"));
      continue;
    }
    const branch = issue.code === "invalid_union" ? intendedBranch(issue.errors) : undefined;
    if (branch) collect(branch, path, found);
    else found.push(describe(path, issue.message));
  }
}

/** The one branch of a union whose basic type the value had: its issues say more than "no branch fits". */
function intendedBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const [first, ...others] = branches.filter((branch) => !branch.some(isWrongType));
  return others.length === 0 ? first : undefined;
}

function isWrongType(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}

function describe(path: readonly PropertyKey[], message: string): ValidationIssue {
  return { path: clip(path.map(String).join(".")), message: clip(message) };
}

function clip(text: string): string {
  // A cut can split a surrogate pair, which would not survive UTF-8.
  return text.length <= MAX_ISSUE_CHARS ? text : text.slice(0, MAX_ISSUE_CHARS).toWellFormed();
}
