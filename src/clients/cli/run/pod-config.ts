import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import {
  NamespaceMode,
  PodSandboxConfig,
  type PodSandboxMetadata,
  type PodSandboxStatus,
  whenEndedAnnotation,
} from "../../../ground/protocol/index.ts";
import { usageError } from "../errors.ts";
import { parseKeyValues } from "../values/key-value.ts";
import { parsePort } from "../values/port.ts";
import type { RunOptions } from "./options.ts";

/** Where kubelets keep logs; `berth logs` reads wherever the endpoint says they are. */
const defaultLogRoot = "/var/log/pods";

/**
 * What `berth run` asks a new pod to be. Labels and log directory are those that a kubelet would give. Throws
 * CliError.
 */
export function newPodConfig(image: string, options: RunOptions): PodSandboxConfig {
  const name = options.name ?? uniqueName(image);
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)) {
    throw usageError(
      `--name ${JSON.stringify(name)} is not a pod name: lower-case letters, digits, "-" and "."`,
    );
  }
  const metadata = { name, namespace: options.namespace ?? "default", uid: randomUUID(), attempt: 0 };
  const network = options.hostNetwork === true ? NamespaceMode.NODE : NamespaceMode.POD;
  return PodSandboxConfig.fromPartial({
    metadata,
    hostname: options.hostNetwork === true ? "" : name.slice(0, 63).replace(/[-.]+$/, ""),
    logDirectory: logDirectory(metadata, options),
    // For a client that is gone before there is a container to end.
    annotations: options.rm === true ? { [whenEndedAnnotation]: "remove-pod" } : {},
    portMappings: (options.publish ?? []).map(parsePort),
    labels: { ...parseKeyValues(options.label ?? [], "--label"), ...kubernetesLabels(metadata) },
    linux: { securityContext: { namespaceOptions: { network, pid: NamespaceMode.CONTAINER } } },
  });
}

/** The configuration of a pod that is there, as far as a new container needs it. */
export function existingPodConfig(pod: PodSandboxStatus, options: RunOptions): PodSandboxConfig {
  const metadata = pod.metadata ?? { name: "", namespace: "", uid: "", attempt: 0 };
  return PodSandboxConfig.fromPartial({
    metadata,
    logDirectory: logDirectory(metadata, options),
    labels: pod.labels,
    annotations: pod.annotations,
    linux: { securityContext: { namespaceOptions: pod.linux?.namespaces?.options ?? {} } },
  });
}

/** The last part of an image's name, in the letters that a pod's name may have. */
export function baseName(image: string): string {
  const withoutDigest = image.split("@")[0] ?? "";
  const last = withoutDigest.slice(withoutDigest.lastIndexOf("/") + 1).split(":")[0] ?? "";
  return (
    last
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .replace(/^-+|-+$/g, "") || "container"
  );
}

/** Of that and six letters, for what the user has not named. */
export function uniqueName(image: string): string {
  return `${baseName(image)}-${randomBytes(3).toString("hex")}`;
}

/** The labels by which crictl and other tools know whose a container is. */
export function kubernetesLabels({ name, namespace, uid }: PodSandboxMetadata): Record<string, string> {
  return {
    "io.kubernetes.pod.name": name,
    "io.kubernetes.pod.namespace": namespace,
    "io.kubernetes.pod.uid": uid,
  };
}

function logDirectory(
  { name, namespace, uid }: PodSandboxMetadata,
  { logDir = defaultLogRoot }: RunOptions,
): string {
  return join(logDir, `${namespace}_${name}_${uid}`);
}
