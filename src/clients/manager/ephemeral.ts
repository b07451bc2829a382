import { messageOf } from "../../ground/errors/index.ts";
import { type EphemeralContainer, readManifests } from "../manifests/index.ts";
import type { PodStatus } from "../podlife/index.ts";
import { ManagerError } from "./errors.ts";
import { keyOf, type StoredPod, titleOf } from "./objects.ts";

/**
 * Adds a container, given in JSON, to the ephemeral containers of a pod. Throws ManifestError for a container
 * that a pod may not have, and ManagerError: InvalidArgument for invalid JSON, FailedPrecondition for a pod
 * that is not running.
 */
export function withEphemeral(
  pod: StoredPod,
  status: PodStatus | undefined,
  json: string,
): readonly EphemeralContainer[] {
  const title = titleOf(keyOf(pod));
  if (pod.deleting !== undefined || (status?.phase !== "Running" && status?.phase !== "Pending"))
    throw new ManagerError("FailedPrecondition", `${title} is not running and cannot get more containers`);
  const { manifest, ephemeralContainers = [] } = pod;
  const added = parsed(json);
  // Checked together with the pod, which restricts what it may be.
  const spec = { ...manifest.spec, ephemeralContainers: [...ephemeralContainers, added] };
  const text = JSON.stringify({ ...manifest, spec });
  const { manifests } = readManifests([{ file: title, text }]);
  return manifests.flatMap((one) => (one.kind === "Pod" ? (one.spec.ephemeralContainers ?? []) : []));
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    const message = `container must be an ephemeral container in JSON: ${messageOf(cause)}`;
    throw new ManagerError("InvalidArgument", message, { cause });
  }
}
