/** In the order of their keys, by code units. */
export type Entries<T> = readonly (readonly [key: string, value: T])[];

/** Where more than this part of the entries has changed, sorting all of them is quicker. */
const fewPart = 1 / 16;

/**
 * The entries of a map in order, and the same list until one changes. With hundreds of records, of which one
 * changes between two lists, sorting them each time takes longer than all else about a list.
 */
export class SortedEntries<T> {
  readonly #byKey: ReadonlyMap<string, T>;
  /** As they were last listed; undefined where too much has changed since. */
  #last: Entries<T> | undefined;
  readonly #changed = new Set<string>();

  constructor(byKey: ReadonlyMap<string, T>) {
    this.#byKey = byKey;
  }

  list(): Entries<T> {
    if (this.#last === undefined) this.#last = [...this.#byKey].sort(([a], [b]) => (a < b ? -1 : 1));
    else if (this.#changed.size > 0) this.#last = this.#after(this.#last);
    this.#changed.clear();
    return this.#last;
  }

  /** To be told of each key that is put or deleted. */
  hasChanged(key: string): void {
    if (this.#last === undefined) return;
    this.#changed.add(key);
    if (this.#changed.size <= this.#last.length * fewPart) return;
    this.#last = undefined;
    this.#changed.clear();
  }

  /** Another list: who has the last one keeps it as it is. */
  #after(last: Entries<T>): Entries<T> {
    const entries = [...last];
    for (const key of this.#changed) {
      const place = placeOf(key, entries);
      const had = entries[place]?.[0] === key ? 1 : 0;
      const value = this.#byKey.get(key);
      if (value !== undefined) entries.splice(place, had, [key, value]);
      else entries.splice(place, had);
    }
    return entries;
  }
}

/** Of the first entry whose key is not before this one. */
function placeOf(key: string, entries: Entries<unknown>): number {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const there = entries[middle]?.[0];
    if (there !== undefined && there < key) from = middle + 1;
    else to = middle;
  }
  return from;
}
