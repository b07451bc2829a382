import type { Database } from "../../ground/metadata/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import type { EventPublisher } from "../events/index.ts";
import { checkNamespace } from "../namespaces/index.ts";
import type { ImageNameRecord } from "./image-name.ts";
import { ImageNames, type SharedNames } from "./image-names.ts";

/** The names of images in all containerd namespaces. */
export class ImageNameStore {
  readonly #shared: SharedNames;

  private constructor(shared: SharedNames) {
    this.#shared = shared;
  }

  /** Once per database in a process. */
  static async open(database: Database, events: EventPublisher): Promise<ImageNameStore> {
    const records = await database.collection<ImageNameRecord>("images");
    return new ImageNameStore({ database, records, events, locks: new KeyLock() });
  }

  /** Namespaces that have image names. */
  namespaces(): readonly string[] {
    return this.#shared.records.namespaces();
  }

  /** Throws NamespaceError InvalidArgument. */
  inNamespace(namespace: string): ImageNames {
    checkNamespace(namespace);
    return new ImageNames(this.#shared, namespace);
  }
}
