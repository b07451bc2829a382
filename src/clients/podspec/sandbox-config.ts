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
 * Translates a pod to CRI's sandbox configuration. `attempt` counts the pod's sandboxes; the cgroup parent is
 * "" for none. `onProblem` is called for settings that are not applied.
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

/** The host ports that are forwarded to the pod; with the host's network, none need forwarding. */
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
