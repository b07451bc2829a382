import type { Change, Collection, CollectionName } from "./database.ts";
import { SortedEntries } from "./sorted-entries.ts";

/** Records of one kind in memory. Only the database applies changes to it, once they are durable. */
export class MemoryCollection<T> implements Collection<T> {
  readonly #name: CollectionName;
  readonly #namespaces = new Map<string, NamespaceRecords<T>>();
  readonly #listeners = new Set<{ readonly changed: (namespace: string) => void }>();

  constructor(name: CollectionName) {
    this.#name = name;
  }

  get(namespace: string, key: string): T | undefined {
    return this.#namespaces.get(namespace)?.byKey.get(key);
  }

  list(namespace: string): readonly (readonly [key: string, value: T])[] {
    return this.#namespaces.get(namespace)?.sorted.list() ?? [];
  }

  namespaces(): readonly string[] {
    return [...this.#namespaces.keys()].sort();
  }

  watch(changed: (namespace: string) => void): Disposable {
    const listener = { changed };
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Must be called once for all changes of a commit. */
  notify(namespace: string): void {
    for (const { changed } of this.#listeners) changed(namespace);
  }

  put(namespace: string, key: string, value: T): Change {
    return { collection: this.#name, namespace, key, value };
  }

  delete(namespace: string, key: string): Change {
    return { collection: this.#name, namespace, key, value: undefined };
  }

  set(namespace: string, key: string, value: T): void {
    const records = this.#namespaces.get(namespace) ?? this.#newNamespace(namespace);
    records.byKey.set(key, value);
    records.sorted.hasChanged(key);
  }

  unset(namespace: string, key: string): void {
    const records = this.#namespaces.get(namespace);
    if (records === undefined) return;
    records.byKey.delete(key);
    records.sorted.hasChanged(key);
    if (records.byKey.size === 0) this.#namespaces.delete(namespace);
  }

  #newNamespace(namespace: string): NamespaceRecords<T> {
    const byKey = new Map<string, T>();
    const records = { byKey, sorted: new SortedEntries(byKey) };
    this.#namespaces.set(namespace, records);
    return records;
  }
}

type NamespaceRecords<T> = { readonly byKey: Map<string, T>; readonly sorted: SortedEntries<T> };
