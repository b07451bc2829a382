import { NamespaceMode } from "../../protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { ContainerSpecInput } from "./input.ts";
import type { OciNamespace } from "./types.ts";

type Input = Pick<ContainerSpecInput, "config" | "sandboxConfig" | "sandbox" | "targetPid" | "host">;

/**
 * A mount namespace of its own, the sandbox's network, IPC and UTS namespaces, and the PID namespace that was asked for;
 * a container that says nothing wants the one that its pod has.
 */
export function containerNamespaces(input: Input): readonly OciNamespace[] {
  const { config, sandboxConfig, sandbox, targetPid, host } = input;
  const security = config.linux?.securityContext;
  const { network, ipc, uts } = sandbox.namespaces;
  const options = security?.namespaceOptions ?? sandboxConfig.linux?.securityContext?.namespaceOptions;
  const mode = options?.pid ?? NamespaceMode.POD;
  return [
    { type: "mount" },
    ...joined("network", network),
    ...joined("ipc", ipc),
    ...joined("uts", uts),
    ...pidNamespace(mode, sandbox.namespaces.pid, targetPid),
    // With v1 it would hide the hierarchies' paths from programs that look there; a privileged container manages the host's.
    ...(host.cgroups === "v2" && !security?.privileged ? [{ type: "cgroup" } as const] : []),
  ];
}

function pidNamespace(
  mode: NamespaceMode,
  shared: string | undefined,
  targetPid: number | undefined,
): readonly OciNamespace[] {
  switch (mode) {
    case NamespaceMode.NODE:
      return [];
    case NamespaceMode.CONTAINER:
      return [{ type: "pid" }];
    case NamespaceMode.TARGET:
      if (targetPid === undefined) throw noNamespace("the target container's");
      return [{ type: "pid", path: `/proc/${targetPid}/ns/pid` }];
    default:
      if (shared === undefined) throw noNamespace("the pod's");
      return [{ type: "pid", path: shared }];
  }
}

/** The host's is not listed: the OCI runtime is in it already. */
function joined(type: OciNamespace["type"], path: string | undefined): readonly OciNamespace[] {
  return path === undefined ? [] : [{ type, path }];
}

function noNamespace(whose: string): RuntimeError {
  return new RuntimeError(
    "FailedPrecondition",
    `the container is to join ${whose} PID namespace, but there is none`,
  );
}
