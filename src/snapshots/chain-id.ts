import { createHash } from "node:crypto";
import { type Digest, parseDigest } from "../oci/index.ts";

/** The chain id of a layer on top of its parent's chain id (undefined for the bottom layer). OCI image-spec 1.1, config.md#layer-chainid. */
export function chainIdOf(parentChainId: Digest | undefined, diffId: Digest): Digest {
  if (parentChainId === undefined) return diffId;
  return parseDigest(`sha256:${createHash("sha256").update(`${parentChainId} ${diffId}`).digest("hex")}`);
}
