import type { Along, Durability } from "../../../ground/metadata/index.ts";
import { EngineError } from "../../engine/index.ts";

type Identified = { readonly id: string };

/** What a record gets when it is written down; afterwards it never changes. */
export type NotYetCreated<R> = Omit<R, "createdAtNs">;

/** A record of ours of which CRI's part cannot be read. */
export type UnreadableRecord = {
  readonly kind: string;
  readonly id: string;
  /** Of a container. */
  readonly sandboxId?: string | undefined;
  /** What is wrong. */
  readonly problem: string;
};

/**
 * The records of one kind (sandboxes or containers), found by id or a unique prefix of one. What a method has
 * answered is on disk, unless its caller has said that it may wait for the next commit.
 */
export abstract class RecordStore<R extends Identified> {
  readonly #kind: string;

  /** `kind` is for messages. */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** By whole id only. Undefined also for one that cannot be read. */
  abstract find(id: string): R | undefined;
  /** Without those that cannot be read: one must not hide the others. */
  abstract list(): readonly R[];
  abstract unreadable(): readonly UnreadableRecord[];
  /** Whether there is a record of that id, be it CRI's or another client's. */
  abstract isKnown(id: string): boolean;
  /** The time of creation is later than `laterThanNs`. Throws ContainersError AlreadyExists. */
  abstract create(record: NotYetCreated<R>, durability?: Durability, laterThanNs?: bigint): Promise<R>;
  /** Throws ContainersError NotFound. */
  abstract save(record: R, durability?: Durability, along?: Along): Promise<R>;
  /** Throws ContainersError NotFound. */
  abstract delete(id: string, durability?: Durability): Promise<void>;

  /**
   * By id or unique prefix. Throws EngineError InvalidArgument when several match, and DataLoss for one that
   * cannot be read.
   */
  match(idOrPrefix: string): R | undefined {
    const exact = this.find(idOrPrefix);
    if (exact !== undefined || idOrPrefix === "") return exact;
    const unreadable = this.findUnreadable(idOrPrefix);
    if (unreadable !== undefined) {
      throw new EngineError(
        "DataLoss",
        `the record of ${this.#kind} ${unreadable.id} cannot be read: ${unreadable.problem}; remove it`,
      );
    }
    const matches = this.list().filter((record) => record.id.startsWith(idOrPrefix));
    if (matches.length > 1) {
      throw new EngineError(
        "InvalidArgument",
        `${this.#kind} id ${idOrPrefix} is ambiguous: it matches ${matches.length} ids; give more digits`,
      );
    }
    return matches[0];
  }

  /** By whole id only. */
  findUnreadable(id: string): UnreadableRecord | undefined {
    if (this.find(id) !== undefined || !this.isKnown(id)) return undefined;
    return this.unreadable().find((record) => record.id === id);
  }

  /** Like {@link match}; throws EngineError NotFound. */
  get(idOrPrefix: string): R {
    const record = this.match(idOrPrefix);
    if (record === undefined)
      throw new EngineError("NotFound", `${this.#kind} ${JSON.stringify(idOrPrefix)} not found`);
    return record;
  }
}
