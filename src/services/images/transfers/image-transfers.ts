import type { Descriptor } from "../../../parts/oci/index.ts";
import type { Credentials, RequestLog } from "../../../parts/registry/index.ts";
import type { ImageName } from "../../imagenames/index.ts";
import type { PlatformChoice } from "../chosen-platforms.ts";
import type { Pushed, PushProgress } from "../push/push.ts";
import type { SavedArchive, SaveRequest } from "../save/save.ts";
import type { Wanted } from "./tree.ts";

/**
 * Images as containerd's clients have them brought and sent: by targets, with as much of these as they want,
 * under any names. What is cut is left to garbage collection. Throws ImageError, RegistryError,
 * OciFormatError.
 */
export interface ImageTransfers {
  /** The name of the one that images are unpacked with. */
  readonly snapshotter: string;
  /**
   * The name that is written so, or one of the image with this id. Throws ImageError NotFound.
   */
  named(nameOrId: string): ImageName;
  /** Brings what a registry has. */
  fetch(request: FetchRequest, signal: AbortSignal): Promise<void>;
  /** Brings a target, of whatever kind, to a registry. */
  send(request: SendRequest, signal: AbortSignal): Promise<Pushed>;
  /** Brings the images of an archive. */
  load(request: LoadRequest, signal: AbortSignal): Promise<void>;
  /** See {@link ImageCatalog.save}. */
  save(request: SaveRequest, signal: AbortSignal): Promise<SavedArchive>;
}

/** How a registry is spoken to; what is left out is as the configuration says. */
export type RegistryAccess = {
  readonly credentials: Credentials | undefined;
  readonly certsDirs?: readonly string[];
  readonly plainHttp?: boolean;
  /** Told of every request, while it lasts. */
  readonly onRequest?: RequestLog;
};

type BroughtRequest = {
  readonly wanted: Wanted;
  /** Unpack the image for this machine, if it is among what is wanted. */
  readonly unpack: boolean;
  readonly onProgress: (progress: TransferProgress) => void;
};

export type FetchRequest = BroughtRequest & {
  readonly reference: string;
  readonly access: RegistryAccess;
  /** Told what it is about to bring. */
  readonly onResolved: (target: Descriptor) => void;
  /** Gives the target its names: until it resolves nothing of it is collected. */
  readonly name: (target: Descriptor) => Promise<void>;
};

export type LoadRequest = BroughtRequest & {
  readonly archive: AsyncIterable<Uint8Array>;
  /** Layers of what `docker save` wrote that are not compressed: their images have others then. */
  readonly compress?: boolean;
  /** As in {@link FetchRequest}, once for each image; `written` is what the archive calls it. */
  readonly name: (target: Descriptor, written: readonly string[]) => Promise<void>;
  /** Where the index of all images is wanted too: gives it its names, as the last of all. */
  readonly nameIndex?: (target: Descriptor) => Promise<void>;
};

export type SendRequest = {
  /** What it is called in errors. */
  readonly image: string;
  readonly target: Descriptor;
  readonly reference: string;
  readonly access: RegistryAccess;
  /** What to send of an index; all of it when left out. */
  readonly platform?: PlatformChoice;
  readonly onProgress: (progress: PushProgress) => void;
};

/** One part of what is brought, by its descriptor. */
export type TransferProgress = {
  /** "extracted": brought and unpacked. */
  readonly state: "waiting" | "downloading" | "exists" | "done" | "extracted";
  readonly descriptor: Descriptor;
  /** What it is a part of; told while it waits. */
  readonly parents: readonly Descriptor[];
  /** Of it, so far. */
  readonly bytes: number;
};
