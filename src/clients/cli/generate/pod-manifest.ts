import {
  NamespaceMode,
  type PodSandboxConfig,
  type PortMapping,
  Protocol,
  whenEndedAnnotation,
} from "../../../ground/protocol/index.ts";
import type { ContainerPort, PodSpec } from "../../manifests/index.ts";
import type { PodConfigurations } from "./configurations.ts";
import { containerOf } from "./container.ts";
import { FoundVolumes } from "./volumes.ts";

export type GeneratedManifest = {
  readonly manifest: object;
  /** Properties of the pod that a manifest cannot express. */
  readonly notes: readonly string[];
};

/**
 * A manifest whose pod would have the same configuration: the inverse of {@link sandboxConfig} and related
 * functions.
 */
export function podManifest({ sandbox, runtimeHandler, containers }: PodConfigurations): GeneratedManifest {
  const { name = "", namespace = "default", uid = "" } = sandbox.metadata ?? {};
  const volumes = new FoundVolumes(uid);
  const isRun = [sandbox, ...containers].some((one) => one.annotations[whenEndedAnnotation] !== undefined);
  if (!isRun) volumes.notes.push("probes, hooks and the restart policy are not known to the runtime");
  const specified: PodSpec = {
    containers: containers.map((config, index) =>
      containerOf(config, index === 0 ? sandbox.portMappings.map(portOf) : [], volumes),
    ),
  };
  const spec = {
    // Containers of `berth run` run once.
    ...(isRun ? { restartPolicy: "Never" } : {}),
    ...(runtimeHandler === "" ? {} : { runtimeClassName: runtimeHandler }),
    ...namesOf(sandbox),
    ...namespacesOf(sandbox),
    ...sysctlsOf(sandbox),
    ...specified,
    ...(volumes.volumes.length === 0 ? {} : { volumes: volumes.volumes }),
  };
  const metadata = {
    name,
    namespace,
    ...own("labels", sandbox.labels),
    ...own("annotations", sandbox.annotations),
  };
  return { manifest: { apiVersion: "v1", kind: "Pod", metadata, spec }, notes: volumes.notes };
}

/** Without labels and annotations that whoever runs pods adds. */
function own(key: string, values: Readonly<Record<string, string>>) {
  const kept = Object.entries(values).filter(
    ([name]) => !name.startsWith("io.kubernetes.") && !name.startsWith("io.berth."),
  );
  return kept.length === 0 ? {} : { [key]: Object.fromEntries(kept) };
}

/** A pod without its own name servers uses the machine's. */
function namesOf({ hostname, metadata, dnsConfig }: PodSandboxConfig) {
  return {
    ...(hostname === "" || hostname === metadata?.name ? {} : { hostname }),
    ...(dnsConfig === undefined ? { dnsPolicy: "Default" } : {}),
  };
}

function namespacesOf({ linux }: PodSandboxConfig) {
  const { network, pid, ipc } = linux?.securityContext?.namespaceOptions ?? {};
  return {
    ...(network === NamespaceMode.NODE ? { hostNetwork: true } : {}),
    ...(pid === NamespaceMode.NODE ? { hostPID: true } : {}),
    ...(ipc === NamespaceMode.NODE ? { hostIPC: true } : {}),
    ...(pid === NamespaceMode.POD ? { shareProcessNamespace: true } : {}),
  };
}

function sysctlsOf({ linux }: PodSandboxConfig) {
  const sysctls = Object.entries(linux?.sysctls ?? {}).map(([name, value]) => ({ name, value }));
  const supplementalGroups = (linux?.securityContext?.supplementalGroups ?? []).map(Number);
  if (sysctls.length + supplementalGroups.length === 0) return {};
  return {
    securityContext: {
      ...(sysctls.length === 0 ? {} : { sysctls }),
      ...(supplementalGroups.length === 0 ? {} : { supplementalGroups }),
    },
  };
}

const protocols: Readonly<Record<number, "UDP" | "SCTP">> = {
  [Protocol.UDP]: "UDP",
  [Protocol.SCTP]: "SCTP",
};

function portOf({ containerPort, hostPort, hostIp, protocol }: PortMapping): ContainerPort {
  const other = protocols[protocol];
  return {
    containerPort,
    ...(hostPort === 0 ? {} : { hostPort }),
    ...(hostIp === "" ? {} : { hostIP: hostIp }),
    ...(other === undefined ? {} : { protocol: other }),
  };
}
