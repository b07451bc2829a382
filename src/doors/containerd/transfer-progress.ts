import { containerd } from "../../ground/protocol/index.ts";
import { raceAbort } from "../../ground/sync/index.ts";
import {
  type Descriptor,
  type Digest,
  isImageConfigType,
  isIndexType,
  isLayerType,
  isManifestType,
} from "../../parts/oci/index.ts";
import type { PushProgress, TransferProgress } from "../../services/images/index.ts";
import type { ClientStream } from "./streams.ts";

const { Progress } = containerd.transferProgress;

/** How many messages may wait; a client that reads slower only misses figures. */
const maxWaiting = 64;

const events = {
  waiting: "waiting",
  exists: "already exists",
  done: "complete",
  extracted: "extracted",
  mounted: "complete",
} as const;

type Part = {
  readonly state: "uploading" | "mounted" | TransferProgress["state"];
  readonly descriptor: Descriptor;
  readonly parents: readonly Descriptor[];
  readonly bytes: number;
};

/**
 * Sends a client the progress of its transfer, with the texts that containerd's clients show
 * (core/transfer/local).
 */
export class ProgressStream {
  readonly #stream: ClientStream | undefined;
  readonly #pushing = new Map<Digest, Descriptor>();
  #waiting = 0;
  #last = Promise.resolve();

  /** Without a stream, nothing is sent. */
  constructor(stream: ClientStream | undefined) {
    this.#stream = stream;
  }

  /** Reports an event of the whole transfer, or of a name. */
  tell(event: string, name = "", descriptor?: Descriptor): void {
    this.#send({ event, name, desc: descriptor === undefined ? undefined : toDescriptor(descriptor) });
  }

  /** Reports the progress of one part, below its `parents`, or below the `root` name. */
  part({ state, descriptor, parents, bytes }: Part, root: string): void {
    const isFigure = state === "downloading" || state === "uploading";
    if (isFigure && this.#waiting > maxWaiting) return;
    this.#send({
      event: isFigure ? state : events[state],
      name: keyOf(descriptor),
      parents: state !== "waiting" ? [] : parents.length === 0 ? [root] : parents.map(keyOf),
      progress: BigInt(bytes),
      total: BigInt(descriptor.size),
      desc: toDescriptor(descriptor),
    });
  }

  /** Reports the progress of a push: the parts to send, and how far each is. */
  pushed(progress: PushProgress, root: string): void {
    if (progress.kind === "resolved") {
      for (const descriptor of progress.blobs) {
        this.#pushing.set(descriptor.digest, descriptor);
        this.part({ state: "waiting", descriptor, parents: [], bytes: 0 }, root);
      }
      return;
    }
    const descriptor = this.#pushing.get(progress.digest);
    if (descriptor === undefined) return;
    const bytes = progress.state === "uploading" ? progress.sentBytes : descriptor.size;
    this.part({ state: progress.state, descriptor, parents: [], bytes }, root);
  }

  /** Resolves when the client has received everything: it stops listening when its transfer is answered. */
  async sent(signal: AbortSignal): Promise<void> {
    await raceAbort(this.#last, signal);
  }

  #send(progress: Parameters<typeof Progress.fromPartial>[0]): void {
    if (this.#stream === undefined) return;
    const value = Buffer.from(Progress.encode(Progress.fromPartial(progress)).finish());
    this.#waiting++;
    this.#last = this.#stream
      .send({ typeUrl: "containerd.types.transfer.Progress", value })
      .finally(() => this.#waiting--);
  }
}

/** containerd's name for a part in progress (core/remotes). */
function keyOf({ mediaType, digest }: Descriptor): string {
  if (isManifestType(mediaType)) return `manifest-${digest}`;
  if (isIndexType(mediaType)) return `index-${digest}`;
  if (isLayerType(mediaType)) return `layer-${digest}`;
  return isImageConfigType(mediaType) ? `config-${digest}` : `unknown-${digest}`;
}

function toDescriptor({ mediaType, digest, size, annotations = {} }: Descriptor) {
  return { mediaType, digest, size: BigInt(size), annotations: { ...annotations } };
}
