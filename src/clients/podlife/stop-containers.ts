import { hasCode } from "../../ground/errors/index.ts";
import type { Container } from "../manifests/index.ts";
import { runHook } from "./handlers/run-hook.ts";
import type { ObservedContainer, ObservedPod } from "./observe.ts";
import type { PodRuntime } from "./pod-runtime.ts";
import type { PodWork } from "./pod-work.ts";
import { isSidecar } from "./restart-policy.ts";

/** Minimum grace period of each stop, whatever hooks and other containers have used up, as in a kubelet. */
const leastGraceSeconds = 2;

export type StoppingOne = PodWork & {
  readonly podIp: string;
  /** Aborts waiting for hooks, because the pod is to end sooner. */
  readonly hurry: AbortSignal;
};

export type Stopping = StoppingOne & {
  /** Containers that were added to it. */
  readonly ephemeral: readonly Container[];
  /** Called when a container has ended, so that others can continue. */
  readonly onStopped: (container: ObservedContainer) => void;
};

type Running = { readonly container: Container; readonly observed: ObservedContainer };

/** Stops one container, and informs the others that wait for it. */
export async function stopOne(
  stopping: Stopping,
  { container, observed }: Running,
  graceSeconds: number,
  turn?: Promise<unknown>,
): Promise<void> {
  await stopContainer(stopping, { container, id: observed.id }, graceSeconds, turn);
  stopping.onStopped(observed);
}

/**
 * Stops one container: runs its preStop hook, sends the stop signal when it is its turn, and SIGKILL when the
 * grace period is over, which all of these share.
 */
export async function stopContainer(
  stopping: StoppingOne,
  { container, id }: { readonly container: Container; readonly id: string },
  graceSeconds: number,
  turn?: Promise<unknown>,
): Promise<void> {
  const { runtime, podIp, hurry, observer, onEvent } = stopping;
  observer(`pod-container-stop ${container.name}`);
  const begunAt = performance.now();
  const usedSeconds = () => Math.floor((performance.now() - begunAt) / 1000);
  const hook = container.lifecycle?.preStop;
  if (hook !== undefined && graceSeconds > 0 && !hurry.aborted) {
    const target = { container, containerId: id, podIp };
    const failure = await unlessHurried(runHook(stopping, hook, target, graceSeconds * 1000, hurry), hurry);
    if (failure !== undefined)
      onEvent(
        "Warning",
        "FailedPreStopHook",
        `preStop hook of container ${container.name} failed: ${failure}`,
      );
  }
  if (turn !== undefined) await untilTurn(stopping, turn, (graceSeconds - usedSeconds()) * 1000);
  const left = graceSeconds === 0 ? 0 : Math.max(leastGraceSeconds, graceSeconds - usedSeconds());
  await stopOrMissing(runtime, id, left);
}

/** Resolves when it is a container's turn, or its time is over. */
async function untilTurn(
  { clock, hurry }: StoppingOne,
  turn: Promise<unknown>,
  limitMs: number,
): Promise<void> {
  if (limitMs <= 0 || hurry.aborted) return;
  const over = new AbortController();
  const signal = AbortSignal.any([hurry, over.signal]);
  try {
    await Promise.race([turn, clock.wait(limitMs, signal).catch(() => {})]);
  } finally {
    over.abort();
  }
}

async function unlessHurried<T>(wait: Promise<T>, hurry: AbortSignal): Promise<T | undefined> {
  try {
    return await wait;
  } catch (error) {
    if (hurry.aborted) return undefined;
    throw error;
  }
}

/** Stops what still runs of a pod sooner than the stop in progress. */
export async function stopSooner(
  { runtime }: Pick<Stopping, "runtime">,
  { containers }: ObservedPod,
  graceSeconds: number,
): Promise<void> {
  const running = [...containers.values()].flat().filter(({ state }) => state === "running");
  await Promise.all(running.map(({ id }) => stopOrMissing(runtime, id, graceSeconds)));
}

async function stopOrMissing(runtime: PodRuntime, id: string, graceSeconds: number): Promise<void> {
  try {
    await runtime.stopContainer(id, graceSeconds);
  } catch (error) {
    if (!hasCode(error, "NotFound")) throw error;
  }
}

/**
 * Stops all running containers of a pod: all hooks start at once, and ordinary containers stop; then sidecars
 * in reverse order, each when those that started after it have ended. All share the grace period (a kubelet's
 * kuberuntime_termination_order.go).
 */
export async function stopAll(
  stopping: Stopping,
  observed: ObservedPod,
  graceSeconds: number,
): Promise<void> {
  const { spec } = stopping.pod;
  const running = (container: Container): readonly Running[] =>
    (observed.containers.get(container.name) ?? [])
      .filter(({ state }) => state === "running" || state === "unknown")
      .map((one) => ({ container, observed: one }));
  const inits = spec.initContainers ?? [];
  const first = [
    ...inits.filter((one) => !isSidecar(one)),
    ...spec.containers,
    ...stopping.ephemeral,
  ].flatMap(running);
  const { onEvent } = stopping;
  const stop = (one: Running, turn?: Promise<unknown>) => {
    onEvent("Normal", "Killing", `Stopping container ${one.container.name}`);
    return stopOne(stopping, one, graceSeconds, turn);
  };
  const stops = first.map((one) => stop(one));
  for (const sidecar of inits.filter(isSidecar).toReversed().flatMap(running))
    stops.push(stop(sidecar, Promise.allSettled([...stops])));
  await Promise.all(stops);
}
