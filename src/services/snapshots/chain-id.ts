import { type Digest, digestOf } from "../../parts/oci/index.ts";

/**
 * The chain id of a layer on top of its parent's chain id (undefined for the bottom layer). OCI image-spec
 * 1.1, config.md#layer-chainid.
 */
export function chainIdOf(parentChainId: Digest | undefined, diffId: Digest): Digest {
  return parentChainId === undefined ? diffId : digestOf(`${parentChainId} ${diffId}`);
}
