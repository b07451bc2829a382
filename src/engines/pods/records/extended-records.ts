import { messageOf } from "../../../ground/errors/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import { type Along, type Durability, decode, encode } from "../../../ground/metadata/index.ts";
import { perObject } from "../../../ground/sync/index.ts";
import type { TypedValue } from "../../../services/containers/index.ts";
import { type NotYetCreated, RecordStore, type UnreadableRecord } from "./record-store.ts";

/**
 * How a pod's or container's record (R) is kept: some of its fields are those of a common record (C, Fields
 * of it when it is new), which every client of containers knows; the others (Own) are the value of an
 * extension.
 */
export type RecordForm<R, C, Fields, Own> = {
  /** For messages. */
  readonly kind: string;
  /** The extension's name. */
  readonly extension: string;
  readonly typeUrl: string;
  readonly common: (record: NotYetCreated<R>) => Fields;
  /** Plain data. */
  readonly own: (record: NotYetCreated<R>) => Own;
  /** Whether a value is one of an extension: any client of containers can write there. */
  readonly isOwn: (value: unknown) => value is Own;
  readonly join: (common: C, own: Own) => R;
};

type Extended = {
  readonly id: string;
  readonly sandboxId?: string | undefined;
  readonly extensions: Readonly<Record<string, TypedValue>>;
};

/** What is needed of the common records. */
type CommonRecords<C, Fields> = {
  find(id: string): C | undefined;
  list(): readonly C[];
  create(
    record: Fields & Pick<Extended, "extensions">,
    durability?: Durability,
    laterThanNs?: bigint,
  ): Promise<C>;
  update(
    id: string,
    change: (before: C) => Pick<Extended, "extensions">,
    durability?: Durability,
    along?: Along,
  ): Promise<C>;
  delete(id: string, durability?: Durability): Promise<void>;
};

/**
 * CRI's records of one kind: those common ones that have its extension. What others have made in the
 * namespace is not seen.
 */
export class ExtendedRecords<
  R extends { readonly id: string },
  C extends Extended,
  Fields,
  Own,
> extends RecordStore<R> {
  readonly #records: CommonRecords<C, Fields>;
  readonly #form: RecordForm<R, C, Fields, Own>;
  readonly #logger: Pick<Logger, "error">;
  /** Of each version of a common record, so that it is decoded once: the record, or what is wrong with it. */
  readonly #read = new WeakMap<C, Reading<R>>();
  /** Of a list, which is the same until something changes: it is asked for every second. */
  readonly #readable = perObject((list: readonly C[]) =>
    // Not by flatMap, which takes several times as long.
    list.map((common) => this.#reading(common).record).filter((record) => record !== undefined),
  );

  constructor(
    records: CommonRecords<C, Fields>,
    form: RecordForm<R, C, Fields, Own>,
    logger: Pick<Logger, "error">,
  ) {
    super(form.kind);
    this.#records = records;
    this.#form = form;
    this.#logger = logger;
  }

  find(id: string): R | undefined {
    const common = this.#records.find(id);
    return common === undefined ? undefined : this.#reading(common).record;
  }

  list(): readonly R[] {
    return this.#readable(this.#records.list());
  }

  unreadable(): readonly UnreadableRecord[] {
    return this.#records.list().flatMap((common) => {
      const { problem } = this.#reading(common);
      const { id, sandboxId } = common;
      return problem === undefined ? [] : [{ kind: this.#form.kind, id, sandboxId, problem }];
    });
  }

  isKnown(id: string): boolean {
    return this.#records.find(id) !== undefined;
  }

  async create(record: NotYetCreated<R>, durability?: Durability, laterThanNs?: bigint): Promise<R> {
    const own = this.#form.own(record);
    const extensions = this.#extension(own);
    const given = { ...this.#form.common(record), extensions };
    return this.#join(await this.#records.create(given, durability, laterThanNs), own);
  }

  async save(record: R, durability?: Durability, along?: Along): Promise<R> {
    const own = this.#form.own(record);
    const extension = this.#extension(own);
    const saved = await this.#records.update(
      record.id,
      ({ extensions }) => ({ extensions: { ...extensions, ...extension } }),
      durability,
      along,
    );
    return this.#join(saved, own);
  }

  async delete(id: string, durability?: Durability): Promise<void> {
    await this.#records.delete(id, durability);
  }

  #extension(own: Own): Readonly<Record<string, TypedValue>> {
    const { extension, typeUrl } = this.#form;
    return { [extension]: { typeUrl, value: new TextEncoder().encode(encode(own)) } };
  }

  /** Neither of both for one that is not CRI's. */
  #reading(common: C): Reading<R> {
    const known = this.#read.get(common);
    if (known !== undefined) return known;
    const reading = this.#decode(common);
    this.#read.set(common, reading);
    return reading;
  }

  #decode(common: C): Reading<R> {
    const { extension, kind, join, isOwn } = this.#form;
    const given = common.extensions[extension];
    if (given === undefined) return {};
    try {
      const own = decode(new TextDecoder().decode(given.value));
      if (!isOwn(own)) throw new Error("it is not what berth writes there");
      return { record: join(common, own) };
    } catch (err) {
      const problem = `extension ${extension}: ${messageOf(err)}`;
      this.#logger.error(
        { err, [kind]: common.id },
        `a record cannot be read (extension ${extension}): it is left out of lists; remove it by its id`,
      );
      return { problem };
    }
  }

  #join(common: C, own: Own): R {
    const record = this.#form.join(common, own);
    this.#read.set(common, { record });
    return record;
  }
}

type Reading<R> = { readonly record?: R; readonly problem?: string };
