import type { SentError } from "../../ground/threads/index.ts";
import type { LayerKey } from "../../parts/encryption/index.ts";
import type { Descriptor, Digest, Reference } from "../../parts/oci/index.ts";
import type { PushedBlob, RegistryOptions } from "../../parts/registry/index.ts";
import type { AppliedLayer, LayerLimits, LayerTarget } from "../../parts/unpack/index.ts";
import type { Peer, PeerAccess, PeerOutcome, WantedBlob } from "../peers/index.ts";
import type { Usage } from "../snapshots/index.ts";

/** What a layer worker can be asked to do. Everything here crosses between threads by structured cloning. */
export type Job =
  | ({ readonly kind: "probe" } & RegistryJob)
  | ({ readonly kind: "resolve" } & RegistryJob)
  | ({ readonly kind: "fetchSmall"; readonly descriptor: Descriptor } & RegistryJob)
  | ({
      readonly kind: "listReferrers";
      readonly subject: Digest;
      readonly artifactType: string;
    } & RegistryJob)
  | ({ readonly kind: "fetchFile"; readonly url: string; readonly maxBytes: number } & RegistryJob)
  | ({ readonly kind: "hasManifest"; readonly descriptor: Descriptor } & RegistryJob)
  | ({
      readonly kind: "pushManifest";
      readonly descriptor: Descriptor;
      readonly bytes: Uint8Array;
    } & RegistryJob)
  | PushBlobJob
  | PeerJob
  | LayerJob
  | {
      readonly kind: "stage";
      readonly archive: string;
      /** What errors call it. */
      readonly called: string;
      readonly directory: string;
      readonly maxBytes: number;
      readonly minFreePercent: number;
    };

/** Jobs of one `session` share connections and tokens when one worker does them. */
export type RegistryJob = {
  readonly session: string;
  readonly registry: RegistryOptions;
  readonly reference: Reference;
  /** Whoever listens to the session's requests is told of them. */
  readonly logsRequests?: boolean;
};

export type PushBlobJob = {
  readonly kind: "pushBlob";
  readonly descriptor: Descriptor;
  /** Undefined when its bytes are not here. */
  readonly path: string | undefined;
  readonly mountFrom: readonly string[];
} & RegistryJob;

export type LayerJob = {
  readonly kind: "layer";
  readonly descriptor: Descriptor;
  readonly origin: LayerOrigin;
  /** The ingest's file, which keeps the compressed bytes; undefined when `origin` keeps them already. */
  readonly ingest: string | undefined;
  /** Where to unpack, and what the tar's digest must be; undefined when only the bytes are wanted. */
  readonly unpack: LayerUnpacking | undefined;
  readonly limits: LayerLimits;
};

export type LayerUnpacking = {
  readonly target: LayerTarget;
  readonly diffId: Digest;
  /** Of an encrypted layer. */
  readonly key: LayerKey | undefined;
};

/** A layer that was unpacked, and what its tree takes on the disk. */
export type InstalledLayer = AppliedLayer & { readonly usage: Usage };

/** A blob that other nodes may have. */
export type PeerJob = {
  readonly kind: "fromPeers";
  readonly peers: readonly Peer[];
  readonly access: PeerAccess;
  readonly blob: WantedBlob;
  /** The file of an ingest, which is empty; undefined to have the bytes. */
  readonly ingest: string | undefined;
  readonly minFreePercent: number;
};

export type LayerOrigin =
  | ({
      readonly kind: "registry";
      /** False where a mirror has sent other bytes than it should. */
      readonly asksMirrors: boolean;
    } & RegistryJob)
  | { readonly kind: "file"; readonly path: string };

/** What a job comes to. */
export type Outcome =
  | { readonly kind: "probe"; readonly descriptor: Descriptor | undefined }
  | { readonly kind: "resolve"; readonly descriptor: Descriptor; readonly bytes: Uint8Array }
  | { readonly kind: "fetchSmall"; readonly bytes: Uint8Array }
  | { readonly kind: "listReferrers"; readonly referrers: readonly Descriptor[] }
  | { readonly kind: "fetchFile"; readonly bytes: Uint8Array | undefined }
  | { readonly kind: "hasManifest"; readonly found: boolean }
  | {
      readonly kind: "fromPeers";
      readonly outcome: PeerOutcome;
      readonly bytes: Uint8Array | undefined;
    }
  | { readonly kind: "pushManifest" }
  | { readonly kind: "pushBlob"; readonly pushed: PushedBlob }
  | { readonly kind: "layer"; readonly applied: InstalledLayer | undefined }
  | { readonly kind: "stage"; readonly files: readonly StagedFile[] };

/** A file of an archive that was taken apart. */
export type StagedFile = {
  /** As in the archive, without `./` before it. */
  readonly name: string;
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
};

export type ToWorker =
  | { readonly kind: "run"; readonly id: number; readonly job: Job }
  | { readonly kind: "abort"; readonly id: number };

export type FromWorker =
  | { readonly kind: "request"; readonly session: string; readonly text: string }
  | { readonly kind: "progress"; readonly id: number; readonly bytes: number }
  | { readonly kind: "done"; readonly id: number; readonly outcome: Outcome }
  | { readonly kind: "failed"; readonly id: number; readonly error: SentError };
