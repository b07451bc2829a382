import type { Sandbox } from "../../../engines/engine/index.ts";
import * as cri from "../../../ground/protocol/index.ts";

/** An entry of ListPodSandbox. */
export function toPodSandbox(sandbox: Sandbox): cri.PodSandbox {
  return {
    id: sandbox.id,
    metadata: sandbox.config.metadata,
    state: sandboxState(sandbox),
    createdAt: sandbox.createdAtNs,
    labels: sandbox.config.labels,
    annotations: sandbox.config.annotations,
    runtimeHandler: sandbox.handler,
  };
}

export function toPodSandboxStatus(sandbox: Sandbox): cri.PodSandboxStatus {
  const [ip = "", ...additionalIps] = sandbox.ips;
  return {
    ...toPodSandbox(sandbox),
    network: { ip, additionalIps: additionalIps.map((additional) => ({ ip: additional })) },
    linux: { namespaces: { options: sandbox.namespaces } },
  };
}

export function sandboxState(sandbox: Sandbox): cri.PodSandboxState {
  return sandbox.state === "ready" ? cri.PodSandboxState.SANDBOX_READY : cri.PodSandboxState.SANDBOX_NOTREADY;
}
