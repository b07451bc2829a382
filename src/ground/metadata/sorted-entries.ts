/** In the order of their keys, by code units. */
export type Entries<T> = readonly (readonly [key: string, value: T])[];

/** If more than this fraction of the entries has changed, it is faster to sort all of them. */
const fewPart = 1 / 16;

/**
 * The entries of a map in order; the same list is returned until an entry changes. With hundreds of records,
 * of which one changes between two lists, sorting each time would take longer than everything else in a list
 * call.
 */
export class SortedEntries<T> {
  readonly #byKey: ReadonlyMap<string, T>;
  /** The last list; undefined if too much has changed since. */
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

  /** Must be called for each key that is put or deleted. */
  hasChanged(key: string): void {
    if (this.#last === undefined) return;
    this.#changed.add(key);
    if (this.#changed.size <= this.#last.length * fewPart) return;
    this.#last = undefined;
    this.#changed.clear();
  }

  /** A new list, since callers may still have the last one. */
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

/** Index of the first entry whose key is not before this one. */
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
