import { ContainerConfig, PodSandboxConfig } from "../../ground/protocol/index.ts";
import { type Digest, parseDigest } from "../../parts/oci/index.ts";
import { EngineError } from "../engine/index.ts";

/**
 * Labels that berth gives its containers in Docker. They hold all that is needed to recover a container after
 * a restart of either daemon, so that no state is kept elsewhere.
 */
const label = {
  kind: "berth.kind",
  name: "berth.name",
  config: "berth.config",
  handler: "berth.handler",
  sandbox: "berth.sandbox",
  image: "berth.image",
  imageRef: "berth.image-ref",
  log: "berth.log",
} as const;

/** The filter of Docker's lists and events that selects berth's containers. */
export const oursFilter = { label: [label.kind] } as const;

/** Whether a container has the labels that {@link oursFilter} selects. */
export function hasOurLabels(labels: Labels | null): boolean {
  return labels !== null && label.kind in labels;
}

/** The filter of Docker's lists that selects what berth created with that name. */
export function madeAsFilter(name: string): Readonly<Record<string, readonly string[]>> {
  return { label: [`${label.name}=${name}`] };
}

export type SandboxLabels = {
  readonly kind: "sandbox";
  /** The name that it was created with. Somebody may have renamed it since. */
  readonly name: string;
  readonly config: PodSandboxConfig;
  /** As requested. */
  readonly handler: string;
};

export type ContainerLabels = {
  readonly kind: "container";
  /** As with {@link SandboxLabels}. */
  readonly name: string;
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
export function sandboxLabels({ config, handler }: Omit<SandboxLabels, "kind" | "name">): Labels {
  return {
    ...config.labels,
    [label.kind]: "sandbox",
    [label.name]: sandboxName(config),
    [label.config]: JSON.stringify(PodSandboxConfig.toJSON(config)),
    [label.handler]: handler,
  };
}

export function containerLabels(labels: Omit<ContainerLabels, "kind">): Labels {
  return {
    ...labels.config.labels,
    [label.kind]: "container",
    [label.name]: labels.name,
    [label.config]: JSON.stringify(ContainerConfig.toJSON(labels.config)),
    [label.sandbox]: labels.sandboxId,
    [label.image]: labels.imageId,
    [label.imageRef]: labels.imageRef,
    [label.log]: labels.logPath,
  };
}

/** The name in berth's labels, whatever the container's name is now; undefined if they have none. */
export function nameIn(labels: Labels | null | undefined): string | undefined {
  return labels?.[label.name];
}

/**
 * Undefined for what is neither a sandbox nor a container of a pod. `dockerName` is the container's name now:
 * the first builds of berth did not write the name into the labels, and what they created must have a name
 * that fits its configuration. Throws if the labels are damaged.
 */
export function readLabels(labels: Labels, dockerName: string): SandboxLabels | ContainerLabels | undefined {
  const kind = labels[label.kind];
  if (kind !== "sandbox" && kind !== "container") return undefined;
  const json: unknown = JSON.parse(labels[label.config] ?? "null");
  if (kind === "sandbox") {
    const config = whole(PodSandboxConfig.fromJSON(json));
    const name = nameIn(labels) ?? sandboxName(config);
    if (nameIn(labels) === undefined && name !== dockerName) return undefined;
    return { kind, name, config, handler: labels[label.handler] ?? "" };
  }
  const config = whole(ContainerConfig.fromJSON(json));
  if (nameIn(labels) === undefined && !isNameOf(config, dockerName)) return undefined;
  return {
    kind,
    name: nameIn(labels) ?? dockerName,
    config,
    sandboxId: labels[label.sandbox] ?? "",
    imageId: parseDigest(labels[label.image] ?? ""),
    imageRef: labels[label.imageRef] ?? "",
    logPath: labels[label.log] ?? "",
  };
}

/** Clients expect a name of every pod and container. */
function whole<T extends { readonly metadata?: object | undefined }>(config: T): T {
  if (config.metadata !== undefined) return config;
  throw new EngineError("DataLoss", `label ${label.config} has no metadata`);
}

/** The names that dockershim and cri-dockerd used, which people expect in `docker ps`. */
export function sandboxName({ metadata }: PodSandboxConfig): string {
  return ["k8s", "POD", metadata?.name, metadata?.namespace, metadata?.uid, metadata?.attempt].join("_");
}

export function containerName({ metadata }: ContainerConfig, sandbox: PodSandboxConfig): string {
  const pod = sandbox.metadata;
  return ["k8s", metadata?.name, pod?.name, pod?.namespace, pod?.uid, metadata?.attempt].join("_");
}

/** Whether {@link containerName} returns such a name for some sandbox. */
function isNameOf({ metadata }: ContainerConfig, name: string): boolean {
  return name.startsWith(`k8s_${metadata?.name}_`) && name.endsWith(`_${metadata?.attempt}`);
}

const readers = "berth_users_";

/**
 * The name and labels of a container that is created only to read files of its image, and removed at once.
 */
export function readerOf(id: string): { readonly name: string; readonly labels: Labels } {
  const name = `${readers}${id}`;
  return { name, labels: { [label.kind]: "reader", [label.name]: name } };
}

export function isReader(name: string): boolean {
  return name.startsWith(readers);
}
