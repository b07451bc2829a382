import type { TypedValue } from "../../services/containers/index.ts";
import type { PodContainer } from "./options.ts";

/**
 * The extension with further data of a pod's container. containerd's own CRI stores it (its
 * internal/cri/store/container), and nerdctl finds the log path there.
 */
export function podMetadata(id: string, pod: PodContainer): Readonly<Record<string, TypedValue>> {
  const { sandboxId, imageId, logPath } = pod;
  const metadata = { ID: id, SandboxID: sandboxId, ImageRef: imageId, LogPath: logPath };
  return {
    "io.cri-containerd.container.metadata": {
      typeUrl: "github.com/containerd/cri/pkg/store/container/Metadata",
      value: Buffer.from(JSON.stringify({ Version: "v1", Metadata: metadata })),
    },
  };
}
