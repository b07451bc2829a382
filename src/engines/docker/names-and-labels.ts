import { ContainerConfig, PodSandboxConfig } from "../../ground/protocol/index.ts";
import type { ContainerDetails } from "../../parts/dockerapi/index.ts";
import { type Digest, parseDigest } from "../../parts/oci/index.ts";

/**
 * Labels that berth gives its containers in Docker. They hold all that is needed to recover a container after
 * a restart of either daemon, so that no state is kept elsewhere.
 */
const label = {
  kind: "berth.kind",
  config: "berth.config",
  handler: "berth.handler",
  sandbox: "berth.sandbox",
  image: "berth.image",
  imageRef: "berth.image-ref",
  log: "berth.log",
} as const;

/** The filter of Docker's lists and events that selects berth's containers. */
export const oursFilter = { label: [label.kind] } as const;

export type SandboxLabels = {
  readonly kind: "sandbox";
  readonly config: PodSandboxConfig;
  /** As requested. */
  readonly handler: string;
};

export type ContainerLabels = {
  readonly kind: "container";
  readonly config: ContainerConfig;
  readonly sandboxId: string;
  readonly imageId: Digest;
  readonly imageRef: string;
  /** Absolute; "" if there is no log. */
  readonly logPath: string;
};

export type Labels = Readonly<Record<string, string>>;

/**
 * The labels of a sandbox's container. They include the kubelet's labels, for people and for tools that look
 * for them.
 */
export function sandboxLabels({ config, handler }: Omit<SandboxLabels, "kind">): Labels {
  return {
    ...config.labels,
    [label.kind]: "sandbox",
    [label.config]: JSON.stringify(PodSandboxConfig.toJSON(config)),
    [label.handler]: handler,
  };
}

export function containerLabels(labels: Omit<ContainerLabels, "kind">): Labels {
  return {
    ...labels.config.labels,
    [label.kind]: "container",
    [label.config]: JSON.stringify(ContainerConfig.toJSON(labels.config)),
    [label.sandbox]: labels.sandboxId,
    [label.image]: labels.imageId,
    [label.imageRef]: labels.imageRef,
    [label.log]: labels.logPath,
  };
}

/**
 * Reads the labels. Undefined if the labels or the name show that the container is not berth's: an image can
 * pass labels on to any container, but not a name. Throws if somebody has damaged the labels.
 */
export function labelsOf({
  Name,
  Config,
}: Pick<ContainerDetails, "Name" | "Config">): SandboxLabels | ContainerLabels | undefined {
  const labels = readLabels(Config.Labels);
  return labels !== undefined && isNamedBy(labels, Name.slice(1)) ? labels : undefined;
}

/** Whether the name is the one that its labels imply. */
export function isNamedBy(labels: SandboxLabels | ContainerLabels, name: string): boolean {
  if (labels.kind === "sandbox") return name === sandboxName(labels.config);
  const { metadata } = labels.config;
  return name.startsWith(`k8s_${metadata?.name}_`) && name.endsWith(`_${metadata?.attempt}`);
}

function readLabels(labels: Labels): SandboxLabels | ContainerLabels | undefined {
  const kind = labels[label.kind];
  const config: unknown = JSON.parse(labels[label.config] ?? "null");
  if (kind === "sandbox")
    return { kind, config: PodSandboxConfig.fromJSON(config), handler: labels[label.handler] ?? "" };
  if (kind !== "container") return undefined;
  return {
    kind,
    config: ContainerConfig.fromJSON(config),
    sandboxId: labels[label.sandbox] ?? "",
    imageId: parseDigest(labels[label.image] ?? ""),
    imageRef: labels[label.imageRef] ?? "",
    logPath: labels[label.log] ?? "",
  };
}

/** The names that dockershim and cri-dockerd used, which people expect in `docker ps`. */
export function sandboxName({ metadata }: PodSandboxConfig): string {
  return ["k8s", "POD", metadata?.name, metadata?.namespace, metadata?.uid, metadata?.attempt].join("_");
}

export function containerName({ metadata }: ContainerConfig, sandbox: PodSandboxConfig): string {
  const pod = sandbox.metadata;
  return ["k8s", metadata?.name, pod?.name, pod?.namespace, pod?.uid, metadata?.attempt].join("_");
}

const readers = "berth_users_";

/**
 * The name and labels of a container that is created only to read files of its image, and removed at once.
 */
export function readerOf(id: string): { readonly name: string; readonly labels: Labels } {
  return { name: `${readers}${id}`, labels: { [label.kind]: "reader" } };
}

export function isReader(name: string): boolean {
  return name.startsWith(readers);
}
