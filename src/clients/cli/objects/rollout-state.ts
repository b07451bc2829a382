import { usageError } from "../errors.ts";
import { itemsAt, type ListedObject, memberAt } from "./manager-calls.ts";

/** The progress of a rollout. */
export type RolloutState = {
  readonly kind: "going-on" | "done" | "failed";
  readonly message: string;
};

/** The state of an object's rollout. Throws CliError for a kind without rollouts. */
export function rolloutState({ kind, object }: ListedObject): RolloutState {
  const status = (key: string) => Number(memberAt(object, "status", key) ?? 0);
  if (status("observedGeneration") < Number(memberAt(object, "metadata", "generation") ?? 0))
    return goingOn("the manager has not seen the change yet");
  const wanted = Number(memberAt(object, "spec", "replicas") ?? 1);
  switch (kind) {
    case "Deployment":
      return deploymentState(object, wanted, status);
    case "StatefulSet": {
      const partition = Number(memberAt(object, "spec", "updateStrategy", "rollingUpdate", "partition") ?? 0);
      const isByHand = memberAt(object, "spec", "updateStrategy", "type") === "OnDelete";
      return podsState(
        isByHand ? 0 : Math.max(0, wanted - partition),
        wanted,
        status("updatedReplicas"),
        status("availableReplicas"),
      );
    }
    case "DaemonSet": {
      const desired = status("desiredNumberScheduled");
      return podsState(
        memberAt(object, "spec", "updateStrategy", "type") === "OnDelete" ? 0 : desired,
        desired,
        status("updatedNumberScheduled"),
        status("numberAvailable"),
      );
    }
    default:
      throw usageError(`a ${kind} has no rollouts; Deployment, StatefulSet and DaemonSet have`);
  }
}

function deploymentState(object: unknown, wanted: number, status: (key: string) => number): RolloutState {
  const progress = itemsAt(object, "status", "conditions").find(
    (one) => memberAt(one, "type") === "Progressing",
  );
  if (memberAt(progress, "reason") === "ProgressDeadlineExceeded")
    return { kind: "failed", message: "it has made no progress for longer than its progressDeadlineSeconds" };
  if (memberAt(object, "spec", "paused") === true) return goingOn("it is paused");
  const state = podsState(wanted, wanted, status("updatedReplicas"), status("availableReplicas"));
  const old = status("replicas") - status("updatedReplicas");
  return old > 0 && status("updatedReplicas") >= wanted ? goingOn(`old pods still running: ${old}`) : state;
}

/** The state in terms of pods: `toUpdate` must have the new template, and all must be available. */
function podsState(toUpdate: number, wanted: number, updated: number, available: number): RolloutState {
  if (updated < toUpdate) return goingOn(`${updated} of ${toUpdate} pods are new ones`);
  if (available < wanted) return goingOn(`${available} of ${wanted} pods are available`);
  return { kind: "done", message: "rolled out" };
}

function goingOn(message: string): RolloutState {
  return { kind: "going-on", message };
}
