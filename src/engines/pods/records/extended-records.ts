import { messageOf } from "../../../ground/errors/index.ts";
import { decode, encode } from "../../../ground/metadata/index.ts";
import type { TypedValue } from "../../../services/containers/index.ts";
import { EngineError } from "../../engine/index.ts";
import { type NotYetCreated, RecordStore } from "./record-store.ts";

/**
 * How a pod's or container's record (R) is kept: some of its fields are those of a common record (C, Fields of it when it is new), which
 * every client of containers knows; the others (Own) are the value of an extension.
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
  readonly join: (common: C, own: Own) => R;
};

type Extended = { readonly id: string; readonly extensions: Readonly<Record<string, TypedValue>> };

/** What is needed of the common records. */
type CommonRecords<C, Fields> = {
  find(id: string): C | undefined;
  list(): readonly C[];
  create(record: Fields & Pick<Extended, "extensions">): Promise<C>;
  update(id: string, change: (before: C) => Pick<Extended, "extensions">): Promise<C>;
  delete(id: string): Promise<void>;
};

/** CRI's records of one kind: those common ones that have its extension. What others have made in the namespace is not seen. */
export class ExtendedRecords<
  R extends { readonly id: string },
  C extends Extended,
  Fields,
  Own,
> extends RecordStore<R> {
  readonly #records: CommonRecords<C, Fields>;
  readonly #form: RecordForm<R, C, Fields, Own>;
  /** Of each version of a common record, so that it is decoded once. */
  readonly #joined = new WeakMap<C, R>();

  constructor(records: CommonRecords<C, Fields>, form: RecordForm<R, C, Fields, Own>) {
    super(form.kind);
    this.#records = records;
    this.#form = form;
  }

  find(id: string): R | undefined {
    const common = this.#records.find(id);
    return common === undefined ? undefined : this.#read(common);
  }

  list(): readonly R[] {
    return this.#records.list().flatMap((common) => this.#read(common) ?? []);
  }

  isKnown(id: string): boolean {
    return this.#records.find(id) !== undefined;
  }

  async create(record: NotYetCreated<R>): Promise<R> {
    const own = this.#form.own(record);
    const extensions = this.#extension(own);
    return this.#join(await this.#records.create({ ...this.#form.common(record), extensions }), own);
  }

  async save(record: R): Promise<R> {
    const own = this.#form.own(record);
    const extension = this.#extension(own);
    const saved = await this.#records.update(record.id, ({ extensions }) => ({
      extensions: { ...extensions, ...extension },
    }));
    return this.#join(saved, own);
  }

  async delete(id: string): Promise<void> {
    await this.#records.delete(id);
  }

  #extension(own: Own): Readonly<Record<string, TypedValue>> {
    const { extension, typeUrl } = this.#form;
    return { [extension]: { typeUrl, value: new TextEncoder().encode(encode(own)) } };
  }

  /** Undefined for one that is not CRI's. Throws EngineError DataLoss. */
  #read(common: C): R | undefined {
    const { extension, kind } = this.#form;
    const known = this.#joined.get(common);
    const given = common.extensions[extension];
    if (known !== undefined || given === undefined) return known;
    try {
      return this.#join(common, decode(new TextDecoder().decode(given.value)) as Own);
    } catch (error) {
      throw new EngineError(
        "DataLoss",
        `extension ${extension} of ${kind} ${common.id} cannot be read: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }

  #join(common: C, own: Own): R {
    const record = this.#form.join(common, own);
    this.#joined.set(common, record);
    return record;
  }
}
