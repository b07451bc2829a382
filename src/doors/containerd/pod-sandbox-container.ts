import type { Container, Sandbox, TypedValue } from "../../services/containers/index.ts";
import { isPods } from "./extensions.ts";
import type { PodSandboxes } from "./options.ts";

/**
 * A pod as a container. containerd's CRI has a container for the pause process of each pod, where clients
 * find the pod's labels, annotations, namespaces and network. It has no image and no snapshot.
 */
export function sandboxContainer({ sandboxer: _, ...sandbox }: Sandbox): Container {
  return { ...sandbox, image: "", snapshotter: "", snapshotKey: "" };
}

/** The sandboxes of a namespace that are pods. */
export function podsAmong(sandboxes: { list(): readonly Sandbox[] }): readonly Sandbox[] {
  return sandboxes.list().filter(isPods);
}

/**
 * The extension with further data of a pod, as in containerd's CRI (its internal/cri/store/sandbox), with the
 * fields that clients read.
 */
export function sandboxMetadata(
  id: string,
  pods: Pick<PodSandboxes, "get">,
): Readonly<Record<string, TypedValue>> {
  const { name, ips, handler } = pods.get(id);
  const [IP = "", ...AdditionalIPs] = ips;
  const metadata = { ID: id, Name: name, IP, AdditionalIPs, RuntimeHandler: handler };
  return {
    "io.cri-containerd.sandbox.metadata": {
      typeUrl: "github.com/containerd/cri/pkg/store/sandbox/Metadata",
      value: Buffer.from(JSON.stringify({ Version: "v1", Metadata: metadata })),
    },
  };
}
