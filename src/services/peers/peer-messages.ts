import type { Digest } from "../../parts/oci/index.ts";

/** A blob that may be served. */
export type ServedBlob = { readonly path: string; readonly size: number };

export type FromPeerServer =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "lookUp"; readonly id: number; readonly digest: Digest }
  | {
      readonly kind: "answered";
      readonly what: "served" | "missing" | "busy" | "refused";
      readonly bytes: number;
    };

/** The reply to a look-up; undefined if there is no such blob to serve. */
export type ToPeerServer = { readonly id: number; readonly blob: ServedBlob | undefined };
