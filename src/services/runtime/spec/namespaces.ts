import { NamespaceMode } from "../../../ground/protocol/index.ts";
import { RuntimeError } from "../runtime-error.ts";
import { hasCgroupNamespace } from "./cgroup-view.ts";
import type { ContainerSpecInput, SandboxFacts } from "./input.ts";
import type { OciNamespace } from "./types.ts";

type Input = Pick<
  ContainerSpecInput,
  "config" | "sandboxConfig" | "sandbox" | "targetPid" | "features" | "host"
>;

/**
 * A new mount namespace, the sandbox's network, IPC and UTS namespaces, and the requested PID and cgroup
 * namespaces.
 */
export function containerNamespaces(input: Input): readonly OciNamespace[] {
  const { sandbox, targetPid } = input;
  return [
    { type: "mount" },
    ...sandboxNamespaces(sandbox.namespaces),
    ...pidNamespace(pidMode(input), sandbox.namespaces.pid, targetPid),
    ...(hasCgroupNamespace(input) ? [{ type: "cgroup" } as const] : []),
  ];
}

/** By default, the mode is the pod's. */
export function pidMode({ config, sandboxConfig }: Pick<Input, "config" | "sandboxConfig">): NamespaceMode {
  const own = config.linux?.securityContext?.namespaceOptions;
  return (own ?? sandboxConfig.linux?.securityContext?.namespaceOptions)?.pid ?? NamespaceMode.POD;
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
      if (targetPid === undefined) throw noNamespace("the target container");
      return [{ type: "pid", path: `/proc/${targetPid}/ns/pid` }];
    default:
      if (shared === undefined) throw noNamespace("the pod");
      return [{ type: "pid", path: shared }];
  }
}

/** The namespaces that the pod's containers and its pause process all join. */
export function sandboxNamespaces({
  network,
  ipc,
  uts,
  user,
}: SandboxFacts["namespaces"]): readonly OciNamespace[] {
  return [
    ...joined("user", user),
    ...joined("network", network),
    ...joined("ipc", ipc),
    ...joined("uts", uts),
  ];
}

/** The host's is not listed, since the OCI runtime is already in it. */
function joined(type: OciNamespace["type"], path: string | undefined): readonly OciNamespace[] {
  return path === undefined ? [] : [{ type, path }];
}

function noNamespace(whose: "the pod" | "the target container"): RuntimeError {
  return new RuntimeError(
    "FailedPrecondition",
    `the container needs the PID namespace of ${whose}, which has none`,
  );
}
