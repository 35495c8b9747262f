/** The grammar of application ids. Pure. An id becomes part of the names of Durable Objects. */

const pattern = /^[A-Za-z0-9_.:-]{1,64}$/;

export function isApplicationId(value: unknown): value is string {
  return typeof value === "string" && pattern.test(value);
}
