import { PodSandboxConfig, type PortMapping, Protocol } from "../../ground/protocol/index.ts";
import type { PodContext } from "./context.ts";
import { identityLabels } from "./labels.ts";
import { logDirectory } from "./paths.ts";
import type { Pod } from "./pod.ts";
import { type DnsProblem, podDns } from "./pod-dns.ts";
import { kernelHostname } from "./pod-names.ts";
import { sandboxSecurity } from "./security.ts";
import { userNamespace } from "./user-namespace.ts";

/**
 * The sandbox of a pod, as CRI has it. `attempt` counts the pod's sandboxes; the cgroup parent is empty for
 * none. `onProblem` is told of what the pod asks for and does not get.
 */
export async function sandboxConfig(
  pod: Pod,
  attempt: number,
  context: PodContext,
  cgroupParent: string,
  onProblem?: DnsProblem,
): Promise<PodSandboxConfig> {
  const { metadata, spec } = pod;
  const { name, namespace, uid } = metadata;
  return PodSandboxConfig.fromPartial({
    metadata: { name, namespace, uid, attempt },
    hostname: kernelHostname(pod),
    logDirectory: logDirectory(context, pod),
    portMappings: portMappings(pod),
    labels: { ...metadata.labels, ...identityLabels(pod) },
    annotations: { ...metadata.annotations },
    ...(await podDns(pod, context, onProblem)),
    linux: {
      cgroupParent,
      securityContext: sandboxSecurity(pod, await userNamespace(pod, context)),
      sysctls: Object.fromEntries(
        (spec.securityContext?.sysctls ?? []).map(({ name: key, value }) => [key, value]),
      ),
    },
  });
}

const protocols = { TCP: Protocol.TCP, UDP: Protocol.UDP, SCTP: Protocol.SCTP } as const;

/** Ports of the machine that lead into the pod; with the machine's network they are there anyway. */
function portMappings({ spec }: Pod): PortMapping[] {
  if (spec.hostNetwork === true) return [];
  return [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ ports = [] }) =>
    ports.flatMap(({ containerPort, hostPort, hostIP = "", protocol = "TCP" }) =>
      hostPort === undefined
        ? []
        : [{ containerPort, hostPort, hostIp: hostIP, protocol: protocols[protocol] }],
    ),
  );
}
