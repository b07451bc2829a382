import { containerd } from "../../ground/protocol/index.ts";
import type { Container, Sandbox, TypedValue } from "../../services/containers/index.ts";
import { isPods } from "./extensions.ts";
import type { PodContainer, PodSandboxes, ServiceOptions } from "./options.ts";

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

/**
 * The extension with further data of a pod's container. containerd's own CRI stores it (its
 * internal/cri/store/container), and nerdctl finds the log path there.
 */
export function containerMetadata(id: string, pod: PodContainer): Readonly<Record<string, TypedValue>> {
  const { sandboxId, imageId, logPath } = pod;
  const metadata = { ID: id, SandboxID: sandboxId, ImageRef: imageId, LogPath: logPath };
  return {
    "io.cri-containerd.container.metadata": {
      typeUrl: "github.com/containerd/cri/pkg/store/container/Metadata",
      value: Buffer.from(JSON.stringify({ Version: "v1", Metadata: metadata })),
    },
  };
}

type RuntimeRecord = {
  readonly runtime: { readonly name: string; readonly options?: TypedValue | undefined };
  readonly extensions: Readonly<Record<string, TypedValue>>;
};

/** The runtime of pods' tasks that containerd's clients see. */
export const podRuntimeName = "io.containerd.runc.v2";

/**
 * Replaces the runtime of a pod's record with one that containerd's clients know. The record has the name of
 * a runtime handler, which they do not know; the handler's program goes into the options of the runc shim.
 */
export function withKnownRuntime<Given extends RuntimeRecord>(
  record: Given,
  { podRuntime }: Pick<ServiceOptions, "podRuntime">,
): Given {
  if (!isPods(record)) return record;
  const { Options } = containerd.runcOptions;
  const value = Options.encode(Options.fromPartial(podRuntime(record.runtime.name))).finish();
  const options = { typeUrl: "containerd.runc.v1.Options", value };
  return { ...record, runtime: { name: podRuntimeName, options } };
}
