/** Something on the machine that names, by its id, a sandbox or container for which it was made. */
export type Trace = {
  /** What it is, in the plural, as "address reservations". */
  readonly kind: string;
  /** The ids that it names: 64 hex digits each, or where less is to be had the first 32 or more. */
  readonly ids: readonly string[];
  /** Path, rule or name by which a person finds it. */
  readonly where: string;
  /** How to take it away by hand; "" where it is better left to berth. */
  readonly removal: string;
};

/** The ids of sandboxes and containers in a text. */
export function idsIn(text: string): readonly string[] {
  return [...text.matchAll(/(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])/g)].map(([id]) => id);
}
