import { EngineError } from "../engine/index.ts";
import type { Collection, Database } from "../metadata/index.ts";

type Identified = { readonly id: string };

/** The records of one kind (sandboxes or containers), found by id or a unique prefix of one. */
export class RecordStore<R extends Identified> {
  readonly #database: Database;
  readonly #collection: Collection<R>;
  readonly #namespace: string;
  readonly #kind: string;

  constructor(options: {
    readonly database: Database;
    readonly collection: Collection<R>;
    readonly namespace: string;
    readonly kind: string;
  }) {
    this.#database = options.database;
    this.#collection = options.collection;
    this.#namespace = options.namespace;
    this.#kind = options.kind;
  }

  /** By whole id only. */
  find(id: string): R | undefined {
    return this.#collection.get(this.#namespace, id);
  }

  /** By id or unique prefix. Throws EngineError InvalidArgument when several match. */
  match(idOrPrefix: string): R | undefined {
    const exact = this.find(idOrPrefix);
    if (exact !== undefined || idOrPrefix === "") return exact;
    const matches = this.list().filter((record) => record.id.startsWith(idOrPrefix));
    if (matches.length > 1) {
      throw new EngineError(
        "InvalidArgument",
        `${this.#kind} id ${idOrPrefix} is ambiguous: ${matches.length} ids begin so; give more digits`,
      );
    }
    return matches[0];
  }

  /** Like {@link match}; throws EngineError NotFound. */
  get(idOrPrefix: string): R {
    const record = this.match(idOrPrefix);
    if (record === undefined)
      throw new EngineError("NotFound", `${this.#kind} ${JSON.stringify(idOrPrefix)} not found`);
    return record;
  }

  list(): readonly R[] {
    return this.#collection.list(this.#namespace).map(([, record]) => record);
  }

  /** Durable when it resolves. */
  async save(record: R): Promise<R> {
    await this.#database.commit([this.#collection.put(this.#namespace, record.id, record)]);
    return record;
  }

  async delete(id: string): Promise<void> {
    await this.#database.commit([this.#collection.delete(this.#namespace, id)]);
  }
}
