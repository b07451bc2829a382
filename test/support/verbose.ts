import type { TestBerth } from "./berth.ts";

/** What ContainerStatus tells of a container when verbose. */
export async function verboseInfo(berth: TestBerth, containerId: string) {
  const { info } = await berth.clients.runtime.containerStatus({ containerId, verbose: true });
  return JSON.parse(info.info ?? "{}");
}

/** What PodSandboxStatus tells of a sandbox when verbose. */
export async function verboseSandboxInfo(berth: TestBerth, podSandboxId: string) {
  const { info } = await berth.clients.runtime.podSandboxStatus({ podSandboxId, verbose: true });
  return JSON.parse(info.info ?? "{}");
}
