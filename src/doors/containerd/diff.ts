import type { Handlers } from "../../ground/grpc/index.ts";
import { containerd } from "../../ground/protocol/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import type { ContainerdCall } from "./call.ts";
import { ContainerdError } from "./errors.ts";
import type { ServiceOptions } from "./options.ts";

type DiffHandlers = Handlers<typeof containerd.diffV1.DiffService, ContainerdCall>;

const { Descriptor } = containerd.types;
const uncompressedLayer = "application/vnd.oci.image.layer.v1.tar";

/** Layers onto mounts. The other way round is not served yet. */
export function diffHandlers({ differ }: Pick<ServiceOptions, "differ">): Partial<DiffHandlers> {
  return {
    async apply({ diff, mounts, syncFs }, { namespace }) {
      if (diff === undefined) throw new ContainerdError("InvalidArgument", "diff: must be set");
      const { content } = await namespace();
      const { mediaType } = diff;
      const layer = { mediaType, digest: parseDigest(diff.digest) };
      const { digest, size } = await differ.apply(content, layer, mounts, syncFs);
      return {
        applied: Descriptor.fromPartial({ mediaType: uncompressedLayer, digest, size: BigInt(size) }),
      };
    },
  };
}
