import type { Container } from "../../manifests/index.ts";
import type { ObservedContainer } from "../observe.ts";
import { type ContainerState, type ContainerStatus, type Terminated, writtenTime } from "./types.ts";

/** Facts for the status of a container in addition to the runtime's. */
export type ContainerFacts = {
  /** Why it is not running although it should. */
  readonly waiting: { readonly reason: string; readonly message?: string } | undefined;
  /** Its last attempt, even if it has been removed to be created again. */
  readonly attempt: number;
  /** Whether it runs to its end before others; it is ready when it has succeeded. */
  readonly isInit: boolean;
  /** Whether the pod has init containers. */
  readonly followsInit: boolean;
  readonly ready: boolean;
  readonly started: boolean;
  /** Termination messages, by container id. */
  readonly messages: ReadonlyMap<string, string>;
};

/** The status of a container; its attempts are sorted newest first. */
export function containerStatus(
  container: Container,
  [latest, previous]: readonly ObservedContainer[],
  facts: ContainerFacts,
): ContainerStatus {
  const state = stateOf(latest, facts);
  // A container that waits for its restart shows its last end as the last state.
  const last = "waiting" in state && latest?.state === "exited" ? latest : previous;
  const running = latest?.state === "running";
  return {
    name: container.name,
    state,
    lastState: last?.state === "exited" ? { terminated: terminated(last, facts) } : {},
    ready: running ? facts.ready && !facts.isInit : facts.isInit && hasSucceeded(state),
    started: running && facts.started,
    restartCount: latest?.attempt ?? facts.attempt,
    image: latest?.askedImage ?? container.image,
    imageID: latest?.imageId ?? "",
    ...(latest === undefined ? {} : { containerID: latest.containerID }),
  };
}

function stateOf(latest: ObservedContainer | undefined, facts: ContainerFacts): ContainerState {
  if (latest?.state === "running") return { running: { startedAt: writtenTime(latest.startedAtNs) } };
  if (facts.waiting !== undefined) return { waiting: facts.waiting };
  if (latest?.state === "exited") return { terminated: terminated(latest, facts) };
  return { waiting: { reason: facts.followsInit ? "PodInitializing" : "ContainerCreating" } };
}

function hasSucceeded(state: ContainerState): boolean {
  return "terminated" in state && state.terminated.exitCode === 0;
}

function terminated(observed: ObservedContainer, { messages }: ContainerFacts): Terminated {
  const { id, containerID, exitCode, reason, startedAtNs, finishedAtNs } = observed;
  const message = messages.get(id) ?? "";
  return {
    exitCode,
    reason: reason || (exitCode === 0 ? "Completed" : "Error"),
    ...(message === "" ? {} : { message }),
    ...(startedAtNs === 0n ? {} : { startedAt: writtenTime(startedAtNs) }),
    finishedAt: writtenTime(finishedAtNs),
    containerID,
  };
}
