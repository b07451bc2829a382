import type { Container } from "../manifests/index.ts";
import type { Pod } from "../podspec/index.ts";
import type { ObservedContainer, ObservedPod } from "./observe.ts";
import { afterEnd, isSidecar } from "./restart-policy.ts";

/** Facts about a container in addition to the runtime's. */
export type ContainerHealth = {
  /** It has passed its startup probe and its postStart hook, or has none. */
  readonly isStarted: (container: ObservedContainer) => boolean;
  /** Why its startup or liveness probe or its hook requires ending it; undefined while it is healthy. */
  readonly failure: (container: ObservedContainer) => string | undefined;
};

/** The next actions for a pod, in this order. */
export type Plan = {
  /** A new sandbox must be created first; then nothing else is planned. */
  readonly createSandbox: boolean;
  readonly kill: readonly {
    readonly container: Container;
    readonly observed: ObservedContainer;
    readonly why: string;
  }[];
  /** In order. `ended` is the attempt before it, if there was one. */
  readonly start: readonly { readonly container: Container; readonly ended: ObservedContainer | undefined }[];
  /** Created but never started, by an interrupted worker. */
  readonly discard: readonly ObservedContainer[];
  /**
   * Every container must be restarted, init containers first: these must be removed for that, in order. Those
   * that request it are last, so that an interrupted restart continues.
   */
  readonly restartAll: readonly ObservedContainer[];
  /** Nothing of the pod will ever run again. */
  readonly ended: boolean;
  readonly initialized: boolean;
};

type Draft = { -readonly [Key in "kill" | "start" | "discard"]: Plan[Key][number][] };

/**
 * Derives a pod's next actions only from its current state, so it does not matter whether this process has
 * seen its history. The order is a kubelet's (pkg/kubelet/kuberuntime, computePodActions).
 */
export function planPod(pod: Pod, observed: ObservedPod, health: ContainerHealth): Plan {
  const { spec } = pod;
  const inits = spec.initContainers ?? [];
  const latest = (name: string) => observed.containers.get(name)?.[0];
  const draft: Draft = { kill: [], start: [], discard: [] };
  const all = [...inits, ...spec.containers];
  const asksForAll = (container: Container) => {
    const last = latest(container.name);
    return (
      last?.state === "exited" &&
      afterEnd(spec, container, last.exitCode, inits.includes(container)) === "restart-all"
    );
  };
  const restartAll = all.some(asksForAll)
    ? all
        .toSorted((one, other) => Number(asksForAll(one)) - Number(asksForAll(other)))
        .flatMap(({ name }) => observed.containers.get(name)?.toReversed() ?? [])
    : [];
  const failedInit = inits.some((container) => {
    const last = latest(container.name);
    return (
      !isSidecar(container) &&
      last?.state === "exited" &&
      last.exitCode !== 0 &&
      afterEnd(spec, container, last.exitCode, true) === "stay"
    );
  });
  const mains = spec.containers.map((container) => mainNeed(pod, container, observed));
  const ended = restartAll.length === 0 && (failedInit || mains.every((need) => need === "done"));
  const result = (more: Partial<Plan>): Plan => ({
    createSandbox: false,
    restartAll: [],
    ended,
    initialized: false,
    ...draft,
    ...more,
  });
  if (ended) return result({ initialized: !failedInit });
  if (observed.sandbox === undefined) return result({ createSandbox: true });
  if (restartAll.length > 0) return result({ restartAll });
  const begun = spec.containers.some(({ name }) => latest(name) !== undefined);
  const initialized = planInits(pod, observed, health, draft, begun);
  if (!initialized) return result({});
  for (const container of spec.containers) {
    if (mainNeed(pod, container, observed) === "done") continue;
    planOne(container, latest(container.name), failureOrChange(container, health), draft);
  }
  return result({ initialized: true });
}

/** Whether a container has ended for good, possibly in a removed sandbox. */
function mainNeed(pod: Pod, container: Container, observed: ObservedPod): "done" | "more" {
  const last = observed.containers.get(container.name)?.[0] ?? observed.earlier.get(container.name)?.[0];
  if (last?.state !== "exited") return "more";
  return afterEnd(pod.spec, container, last.exitCode, false) === "stay" ? "done" : "more";
}

/** Returns whether the other containers may run. */
function planInits(
  { spec }: Pod,
  observed: ObservedPod,
  health: ContainerHealth,
  draft: Draft,
  begun: boolean,
): boolean {
  const inits = spec.initContainers ?? [];
  const lastBegun = inits.findLastIndex(({ name }) => observed.containers.has(name));
  for (const [index, container] of inits.entries()) {
    const last = observed.containers.get(container.name)?.[0];
    // Once the others have started, init containers are done, whatever is left of them.
    if (!isSidecar(container)) {
      if (begun || (last?.state === "exited" && last.exitCode === 0)) continue;
      // As with a kubelet, a running one keeps its image.
      planOne(container, last, health.failure, draft);
      return false;
    }
    planOne(container, last, failureOrChange(container, health), draft);
    if (begun || index < lastBegun) continue;
    if (last?.state !== "running" || !health.isStarted(last)) return false;
  }
  return true;
}

/** Why a running container does not match the pod's current specification. */
export function changeOf({ name, image }: Container, { askedImage }: ObservedContainer): string | undefined {
  const isSame = askedImage === undefined || askedImage === image;
  return isSame ? undefined : `Container ${name} definition changed`;
}

function failureOrChange(container: Container, { failure }: ContainerHealth): ContainerHealth["failure"] {
  return (last) => failure(last) ?? changeOf(container, last);
}

/** One that should run, or run once more. */
function planOne(
  container: Container,
  last: ObservedContainer | undefined,
  whyEnd: ContainerHealth["failure"],
  draft: Draft,
): void {
  switch (last?.state) {
    case undefined:
    case "exited":
      draft.start.push({ container, ended: last });
      break;
    case "created":
      draft.discard.push(last);
      break;
    case "unknown":
      draft.kill.push({ container, observed: last, why: `Container ${container.name} has an unknown state` });
      break;
    case "running": {
      const why = whyEnd(last);
      if (why !== undefined) draft.kill.push({ container, observed: last, why });
    }
  }
}
