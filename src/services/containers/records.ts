import { BerthError } from "../../ground/errors/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { Along, Durability } from "../../ground/metadata/index.ts";

/** Codes: InvalidArgument (a field), NotFound, AlreadyExists (its id is taken). */
export class ContainersError extends BerthError {}

/**
 * protobuf's Any: bytes, and the name of the type that they are a value of. Nobody need know the type to keep
 * one.
 */
export type TypedValue = { readonly typeUrl: string; readonly value: Uint8Array };

/** What records of containers and sandboxes have in common. Times are nanoseconds since the epoch. */
export type CommonFields = MutableFields & {
  /** containerd's identifier, unique among the records of its kind in its namespace. */
  readonly id: string;
  readonly runtime: {
    /** Never empty. */
    readonly name: string;
    readonly options?: TypedValue | undefined;
  };
  readonly createdAtNs: bigint;
  readonly updatedAtNs: bigint;
};

/** Those that an update may change. */
export type MutableFields = {
  readonly labels: Labels;
  /**
   * The OCI specification, or whatever its runtime takes; undefined for one whose owner makes it at the
   * start.
   */
  readonly spec?: TypedValue | undefined;
  /** By names that are not empty. */
  readonly extensions: Readonly<Record<string, TypedValue>>;
};

/** A record with the fields of its kind, those that stay and those that an update may change. */
export type RecordOf<Fixed, Mutable> = CommonFields & Fixed & Mutable;

/**
 * The records of one kind in one containerd namespace. Reads are answered from memory; what a method has
 * answered is on disk. All that change something throw MetadataError, ContainersError InvalidArgument and
 * LabelsError, and then nothing is changed.
 */
export interface Records<Fixed, Mutable> {
  /**
   * Times are the store's to set. A label without a value is none. On disk at once unless `durability` says
   * otherwise. Throws ContainersError AlreadyExists.
   */
  create(given: NewRecord<Fixed, Mutable>, durability?: Durability): Promise<RecordOf<Fixed, Mutable>>;
  find(id: string): RecordOf<Fixed, Mutable> | undefined;
  /** Throws ContainersError NotFound. */
  get(id: string): RecordOf<Fixed, Mutable>;
  /** In the order of their ids. */
  list(): readonly RecordOf<Fixed, Mutable>[];
  /**
   * Puts the fields that `change` returns in the place of the record's; the others stay. It sees the record
   * as it is, and nobody else changes that meanwhile:
   *
   *     await containers.update(id, ({ labels }) => ({ labels: updateLabels(labels, { name: "web" }) }));
   *
   * On disk at once unless `durability` says otherwise, and what is to go `along` with it. Throws
   * ContainersError NotFound.
   */
  update(
    id: string,
    change: (before: RecordOf<Fixed, Mutable>) => Partial<MutableFields & Mutable>,
    durability?: Durability,
    along?: Along,
  ): Promise<RecordOf<Fixed, Mutable>>;
  /** Gone from the disk at once unless `durability` says otherwise. Throws ContainersError NotFound. */
  delete(id: string, durability?: Durability): Promise<void>;
}

export type NewRecord<Fixed, Mutable> = Omit<CommonFields, "createdAtNs" | "updatedAtNs"> & Fixed & Mutable;
