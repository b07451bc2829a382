import { join } from "node:path";
import { podConfig, shellConfig } from "../test/support/requests.ts";
import type { Subject } from "./runtime-pair.ts";

/** A pod with one container that does nothing. */
export type MadePod = { readonly podId: string; readonly containerId: string };

/** How long each call of a pod's creation took, in ms. */
export type MakingTimes = { readonly run: number; readonly create: number; readonly start: number };

/** Runs one pod, and returns how long each call took. */
export async function makePod(
  { clients: { runtime }, logs }: Subject,
  image: string,
  name: string,
): Promise<{ readonly pod: MadePod; readonly times: MakingTimes }> {
  const sandboxConfig = podConfig(name, { logDirectory: join(logs, name) });
  const at = [performance.now()];
  const { podSandboxId: podId } = await runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: "" });
  at.push(performance.now());
  const config = shellConfig("main", image, "exec sleep 100000");
  const { containerId } = await runtime.createContainer({ podSandboxId: podId, config, sandboxConfig });
  at.push(performance.now());
  await runtime.startContainer({ containerId });
  at.push(performance.now());
  const [t0 = 0, t1 = 0, t2 = 0, t3 = 0] = at;
  return { pod: { podId, containerId }, times: { run: t1 - t0, create: t2 - t1, start: t3 - t2 } };
}

export async function removePod({ clients: { runtime } }: Subject, { podId }: MadePod): Promise<void> {
  await runtime.stopPodSandbox({ podSandboxId: podId });
  await runtime.removePodSandbox({ podSandboxId: podId });
}

/** Runs `work` for each item, with that many at a time. */
export async function inFlight<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const one = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: limit }, one));
}
