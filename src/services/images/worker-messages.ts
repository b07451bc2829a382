import type { SentError } from "../../ground/threads/index.ts";
import type { LayerKey } from "../../parts/encryption/index.ts";
import type { Descriptor, Digest, Reference } from "../../parts/oci/index.ts";
import type { PushedBlob, RegistryOptions } from "../../parts/registry/index.ts";
import type { AppliedLayer, LayerLimits, LayerTarget } from "../../parts/unpack/index.ts";
import type { Peer, PeerAccess, PeerOutcome, WantedBlob } from "../peers/index.ts";
import type { Usage } from "../snapshots/index.ts";

/** The jobs of a layer worker. Everything here is passed between threads by structured cloning. */
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
      /** Its name in errors. */
      readonly called: string;
      readonly directory: string;
      readonly maxBytes: number;
      readonly minFreePercent: number;
    };

/** Jobs of one `session` share connections and tokens if the same worker runs them. */
export type RegistryJob = {
  readonly session: string;
  readonly registry: RegistryOptions;
  readonly reference: Reference;
  /** Whether its requests are reported to the session's listener. */
  readonly logsRequests?: boolean;
};

export type PushBlobJob = {
  readonly kind: "pushBlob";
  readonly descriptor: Descriptor;
  /** Undefined if its bytes are not in the content store. */
  readonly path: string | undefined;
  readonly mountFrom: readonly string[];
} & RegistryJob;

export type LayerJob = {
  readonly kind: "layer";
  readonly descriptor: Descriptor;
  readonly origin: LayerOrigin;
  /** The ingest's file, which stores the compressed bytes; undefined if `origin` already stores them. */
  readonly ingest: string | undefined;
  /** Where to unpack, and the digest that the tar must have; undefined if only the bytes are wanted. */
  readonly unpack: LayerUnpacking | undefined;
  readonly limits: LayerLimits;
};

export type LayerUnpacking = {
  readonly target: LayerTarget;
  readonly diffId: Digest;
  /** The key of an encrypted layer. */
  readonly key: LayerKey | undefined;
};

/** An unpacked layer and its disk usage. */
export type InstalledLayer = AppliedLayer & { readonly usage: Usage };

/** A blob that other nodes may have. */
export type PeerJob = {
  readonly kind: "fromPeers";
  readonly peers: readonly Peer[];
  readonly access: PeerAccess;
  readonly blob: WantedBlob;
  /** The empty file of an ingest; undefined to return the bytes. */
  readonly ingest: string | undefined;
  readonly minFreePercent: number;
};

export type LayerOrigin =
  | ({
      readonly kind: "registry";
      /** False if a mirror has sent wrong bytes. */
      readonly asksMirrors: boolean;
    } & RegistryJob)
  | { readonly kind: "file"; readonly path: string };

/** The result of a job. */
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

/** A file of an unpacked archive. */
export type StagedFile = {
  /** As in the archive, without a leading `./`. */
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
