import { isOfKind, type StoredObject } from "../objects.ts";
import { reconcileCronJob } from "./cron-job.ts";
import { reconcileDaemonSet } from "./daemon-set.ts";
import { reconcileDeployment } from "./deployment.ts";
import { reconcileJob } from "./job.ts";
import { reconcileReplicaSet } from "./replica-set.ts";
import { reconcileStatefulSet } from "./stateful-set.ts";
import type { World } from "./world.ts";

/** The next step for an object of any kind; most need none. */
export async function reconcileObject(object: StoredObject, world: World): Promise<void> {
  if (isOfKind(object, "Deployment")) await reconcileDeployment(object, world);
  else if (isOfKind(object, "ReplicaSet")) await reconcileReplicaSet(object, world);
  else if (isOfKind(object, "StatefulSet")) await reconcileStatefulSet(object, world);
  else if (isOfKind(object, "DaemonSet")) await reconcileDaemonSet(object, world);
  else if (isOfKind(object, "Job")) await reconcileJob(object, world);
  else if (isOfKind(object, "CronJob")) await reconcileCronJob(object, world);
}
