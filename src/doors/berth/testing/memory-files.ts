import { parseDigest } from "../../../parts/oci/index.ts";
import type { PathChange } from "../../../services/diff/index.ts";
import type {
  CommitRequest,
  ImportRequest,
  MadeImage,
  MountedImage,
} from "../../../services/imagefiles/index.ts";
import type { BerthServiceOptions } from "../index.ts";

const id = parseDigest(`sha256:${"5".repeat(64)}`);

/** Files of images, in memory: the other side of the door in tests. It keeps what it was asked for. */
export class MemoryFiles {
  readonly mounted: MountedImage[] = [];
  changes: readonly PathChange[] = [];
  exported: readonly Buffer[] = [];
  readonly asked: (
    | CommitRequest
    | ImportRequest
    | { readonly image: string; readonly base: string | undefined }
  )[] = [];

  readonly files: BerthServiceOptions["files"] = {
    diff: (image, base) => this.#diff(image, base),
    commit: async (request) => this.#make(request),
    export: () => this.#export(),
    import: async (request) => this.#make(request),
  };

  readonly mounts: BerthServiceOptions["mounts"] = {
    list: () => this.mounted,
    mount: async (_, directory = "/run/made", writable) => {
      const mounted = { directory, imageId: id, writable };
      this.mounted.push(mounted);
      return mounted;
    },
    unmount: async (directory) => {
      this.mounted.splice(
        0,
        this.mounted.length,
        ...this.mounted.filter((each) => each.directory !== directory),
      );
    },
  };

  async *#diff(image: string, base: string | undefined): AsyncGenerator<PathChange> {
    this.asked.push({ image, base });
    yield* this.changes;
  }

  async *#export(): AsyncGenerator<Buffer> {
    yield* this.exported;
  }

  #make(request: CommitRequest | ImportRequest): MadeImage {
    this.asked.push(request);
    return { id, name: request.name };
  }
}
