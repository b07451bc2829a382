import type { Descriptor } from "../../parts/oci/index.ts";
import type { Lease, LeaseResource, Leases } from "../leases/index.ts";

/** Label of a lease with the digest of what is being pushed or named. */
const label = "berth/held-target";

/** Keeps blobs from garbage collection until it is disposed of. */
export class ContentHold implements AsyncDisposable {
  readonly #leases: Leases;
  readonly #id: string;

  private constructor(leases: Leases, id: string) {
    this.#leases = leases;
    this.#id = id;
  }

  static async open(leases: Leases, target: Descriptor): Promise<ContentHold> {
    const { id } = await leases.create({ labels: { [label]: target.digest } });
    const hold = new ContentHold(leases, id);
    await hold.add([target]);
    return hold;
  }

  static isOf({ labels }: Pick<Lease, "labels">): boolean {
    return labels[label] !== undefined;
  }

  /** Deletes the leases that a killed daemon left. */
  static async clean(leases: Leases): Promise<void> {
    const left = leases.list().filter((lease) => ContentHold.isOf(lease));
    await Promise.all(left.map(({ id }) => leases.delete(id)));
  }

  /** Adds blobs to the hold. Those that exist when this resolves are kept. */
  async add(descriptors: readonly Descriptor[]): Promise<void> {
    await this.#leases.addResources(
      this.#id,
      descriptors.flatMap(({ digest }): LeaseResource[] => [
        { kind: "content", digest },
        // While it is being fetched.
        { kind: "ingest", ref: digest },
      ]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leases.delete(this.#id);
  }
}
