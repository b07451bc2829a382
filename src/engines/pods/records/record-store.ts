import { EngineError } from "../../engine/index.ts";

type Identified = { readonly id: string };

/** What a record gets when it is written down; afterwards it never changes. */
export type NotYetCreated<R> = Omit<R, "createdAtNs">;

/** The records of one kind (sandboxes or containers), found by id or a unique prefix of one. What a method has answered is on disk. */
export abstract class RecordStore<R extends Identified> {
  readonly #kind: string;

  /** `kind` is for messages. */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** By whole id only. */
  abstract find(id: string): R | undefined;
  abstract list(): readonly R[];
  /** Whether there is a record of that id, be it CRI's or another client's. */
  abstract isKnown(id: string): boolean;
  /** Throws ContainersError AlreadyExists. */
  abstract create(record: NotYetCreated<R>): Promise<R>;
  /** Throws ContainersError NotFound. */
  abstract save(record: R): Promise<R>;
  /** Throws ContainersError NotFound. */
  abstract delete(id: string): Promise<void>;

  /** By id or unique prefix. Throws EngineError InvalidArgument when several match. */
  match(idOrPrefix: string): R | undefined {
    const exact = this.find(idOrPrefix);
    if (exact !== undefined || idOrPrefix === "") return exact;
    const matches = this.list().filter((record) => record.id.startsWith(idOrPrefix));
    if (matches.length > 1) {
      throw new EngineError(
        "InvalidArgument",
        `${this.#kind} id ${idOrPrefix} is ambiguous: it matches ${matches.length} ids; give more digits`,
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
}
