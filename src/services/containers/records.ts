import { BerthError } from "../../ground/errors/index.ts";
import type { Labels } from "../../ground/labels/index.ts";
import type { Along, Durability } from "../../ground/metadata/index.ts";

/** Codes: InvalidArgument (a field), NotFound, AlreadyExists (its id is taken). */
export class ContainersError extends BerthError {}

/** protobuf's Any: bytes and the name of their type. It can be stored without knowing the type. */
export type TypedValue = { readonly typeUrl: string; readonly value: Uint8Array };

/** Fields that records of containers and sandboxes share. Times are nanoseconds since the epoch. */
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

/** Fields that an update may change. */
export type MutableFields = {
  readonly labels: Labels;
  /** The OCI specification, or whatever its runtime takes; undefined if its owner builds it at the start. */
  readonly spec?: TypedValue | undefined;
  /** By name; names are not empty. */
  readonly extensions: Readonly<Record<string, TypedValue>>;
};

/** A record with the fields of its kind: fixed ones, and those that an update may change. */
export type RecordOf<Fixed, Mutable> = CommonFields & Fixed & Mutable;

/**
 * The records of one kind in one containerd namespace. Reads are served from memory; when a method returns,
 * its change is on disk. Methods that change something throw MetadataError, ContainersError InvalidArgument
 * and LabelsError, and then change nothing.
 */
export interface Records<Fixed, Mutable> {
  /**
   * The store sets the times: now, or the first after `laterThanNs`. A label with an empty value is dropped.
   * On disk at once unless `durability` says otherwise. Throws ContainersError AlreadyExists.
   */
  create(
    given: NewRecord<Fixed, Mutable>,
    durability?: Durability,
    laterThanNs?: bigint,
  ): Promise<RecordOf<Fixed, Mutable>>;
  find(id: string): RecordOf<Fixed, Mutable> | undefined;
  /** Throws ContainersError NotFound. */
  get(id: string): RecordOf<Fixed, Mutable>;
  /** Sorted by id. */
  list(): readonly RecordOf<Fixed, Mutable>[];
  /**
   * Replaces the fields that `change` returns; the others stay. The record cannot be changed by others in the
   * meantime:
   *
   *     await containers.update(id, ({ labels }) => ({ labels: updateLabels(labels, { name: "web" }) }));
   *
   * On disk at once unless `durability` says otherwise, in one transaction with `along`. Throws
   * ContainersError NotFound.
   */
  update(
    id: string,
    change: (before: RecordOf<Fixed, Mutable>) => Partial<MutableFields & Mutable>,
    durability?: Durability,
    along?: Along,
  ): Promise<RecordOf<Fixed, Mutable>>;
  /** Deleted on disk at once unless `durability` says otherwise. Throws ContainersError NotFound. */
  delete(id: string, durability?: Durability): Promise<void>;
}

export type NewRecord<Fixed, Mutable> = Omit<CommonFields, "createdAtNs" | "updatedAtNs"> & Fixed & Mutable;
