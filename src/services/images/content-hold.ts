import type { Descriptor } from "../../parts/oci/index.ts";
import type { Hold, LeaseResource, Leases } from "../leases/index.ts";

/**
 * Keeps blobs from garbage collection until it is disposed of. In memory: whoever pushes, saves or names them
 * starts again after a crash, and reading an image must be possible on a full disk.
 */
export class ContentHold implements Disposable {
  readonly #hold: Hold;

  private constructor(hold: Hold) {
    this.#hold = hold;
  }

  static async open(leases: Leases, target: Descriptor): Promise<ContentHold> {
    const hold = new ContentHold(leases.hold());
    await hold.add([target]);
    return hold;
  }

  /** Adds blobs to the hold. Those that exist when this resolves are kept. */
  async add(descriptors: readonly Descriptor[]): Promise<void> {
    await this.#hold.add(
      descriptors.flatMap(({ digest }): LeaseResource[] => [
        { kind: "content", digest },
        // While it is being fetched.
        { kind: "ingest", ref: digest },
      ]),
    );
  }

  [Symbol.dispose](): void {
    this.#hold[Symbol.dispose]();
  }
}
