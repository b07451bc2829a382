/** Something on the machine that contains the id of the sandbox or container for which it was created. */
export type Trace = {
  /** Its kind, in the plural, such as "address reservations". */
  readonly kind: string;
  /** The ids in it: 64 hex digits each, or, if truncated, at least the first 32. */
  readonly ids: readonly string[];
  /** The path, rule or name where it can be found. */
  readonly where: string;
  /** How to remove it by hand; "" if that is better left to berth. */
  readonly removal: string;
};

/** The ids of sandboxes and containers in a text. */
export function idsIn(text: string): readonly string[] {
  return [...text.matchAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g)].map(([id]) => id);
}
