import type { Descriptor, Digest } from "../../../parts/oci/index.ts";
import type { AuthorizationHeader, Credentials, RequestLog } from "../../../parts/registry/index.ts";
import type { ImageName } from "../../imagenames/index.ts";
import type { PlatformChoice } from "../chosen-platforms.ts";
import type { Pushed, PushProgress } from "../push/push.ts";
import type { SavedArchive, SaveRequest } from "../save/save.ts";
import type { Wanted } from "./tree.ts";

/**
 * Transfers of images as containerd's clients request them: by target, with any part of it, under any names.
 * What an interrupted transfer leaves is garbage-collected. Throws ImageError, RegistryError, OciFormatError.
 */
export interface ImageTransfers {
  /** Name of the snapshotter that unpacks images. */
  readonly snapshotter: string;
  /** The ids of all images of this machine. */
  ids(): readonly Digest[];
  /** All names of an image, tags first; none for an unknown id. */
  namesOf(id: Digest): readonly ImageName[];
  /** Fetches a target from a registry. */
  fetch(request: FetchRequest, signal: AbortSignal): Promise<void>;
  /** Sends a target of any kind to a registry. */
  send(request: SendRequest, signal: AbortSignal): Promise<Pushed>;
  /** Imports the images of an archive. */
  load(request: LoadRequest, signal: AbortSignal): Promise<void>;
  /** See {@link ImageCatalog.save}. */
  save(request: SaveRequest, signal: AbortSignal): Promise<SavedArchive>;
}

/** How to access a registry; for what is left out, the configuration applies. */
export type RegistryAccess = {
  readonly credentials: Credentials | AuthorizationHeader | undefined;
  readonly certsDirs?: readonly string[];
  readonly plainHttp?: boolean;
  /** Sent with every request to the registry and its mirrors. Names are in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for every request during the transfer. */
  readonly onRequest?: RequestLog;
};

type BroughtRequest = {
  readonly wanted: Wanted;
  /** Whether to unpack the image for this machine, if it is included. */
  readonly unpack: boolean;
  readonly onProgress: (progress: TransferProgress) => void;
};

export type FetchRequest = BroughtRequest & {
  readonly reference: string;
  readonly access: RegistryAccess;
  /** Called with the target before it is fetched. */
  readonly onResolved: (target: Descriptor) => void;
  /** Creates the target's names; nothing of the target is collected until it resolves. */
  readonly name: (target: Descriptor) => Promise<void>;
};

export type LoadRequest = BroughtRequest & {
  readonly archive: AsyncIterable<Uint8Array>;
  /** Whether to compress uncompressed layers from `docker save`, which changes their images' digests. */
  readonly compress?: boolean;
  /** As in {@link FetchRequest}, once for each image; `written` has its names in the archive. */
  readonly name: (target: Descriptor, written: readonly string[]) => Promise<void>;
  /** If the index of all images is wanted, too: creates its names, after all others. */
  readonly nameIndex?: (target: Descriptor) => Promise<void>;
};

export type SendRequest = {
  /** Its name in errors. */
  readonly image: string;
  readonly target: Descriptor;
  readonly reference: string;
  readonly access: RegistryAccess;
  /** What to send of an index; by default everything. */
  readonly platform?: PlatformChoice;
  readonly onProgress: (progress: PushProgress) => void;
};

/** The progress of one part of a transfer. */
export type TransferProgress = {
  /** "extracted": fetched and unpacked. */
  readonly state: "waiting" | "downloading" | "exists" | "done" | "extracted";
  readonly descriptor: Descriptor;
  /** The documents that refer to it; given in the state "waiting". */
  readonly parents: readonly Descriptor[];
  /** Number of its bytes so far. */
  readonly bytes: number;
};
