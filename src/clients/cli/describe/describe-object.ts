import type { JsonObject } from "../../../ground/json/index.ts";
import type { Kind } from "../../manifests/index.ts";
import type { ListedObject } from "../objects/manager-calls.ts";
import { describeClaim, describeConfigMap, describeNamespace, describeSecret } from "./data.ts";
import { describeCronJob, describeJob } from "./jobs.ts";
import { describePod } from "./pod.ts";
import { describeService } from "./service.ts";
import type { Sheet } from "./sheet.ts";
import {
  describeDaemonSet,
  describeDeployment,
  describeReplicaSet,
  describeRevision,
  describeStatefulSet,
} from "./workloads.ts";

type Others = {
  /** The objects of its namespace, as JSON. */
  readonly all: readonly JsonObject[];
  readonly nowMs: number;
};

const describers: Readonly<Record<Kind, (sheet: Sheet, one: ListedObject, others: Others) => void>> = {
  Pod: (sheet, { object }, { nowMs }) => describePod(sheet, object, nowMs),
  Deployment: (sheet, { object }, { all }) => describeDeployment(sheet, object, all),
  ReplicaSet: (sheet, { object }, { all }) => describeReplicaSet(sheet, object, all),
  StatefulSet: (sheet, { object }, { all }) => describeStatefulSet(sheet, object, all),
  DaemonSet: (sheet, { object }, { all }) => describeDaemonSet(sheet, object, all),
  ControllerRevision: (sheet, { object }) => describeRevision(sheet, object),
  Job: (sheet, { object }) => describeJob(sheet, object),
  CronJob: (sheet, { object }) => describeCronJob(sheet, object),
  Service: (sheet, { object }, { all }) => describeService(sheet, object, all),
  ConfigMap: (sheet, { object }) => describeConfigMap(sheet, object),
  Secret: (sheet, { object }) => describeSecret(sheet, object),
  PersistentVolumeClaim: (sheet, { object }, { all, nowMs }) => describeClaim(sheet, object, all, nowMs),
  Namespace: (sheet, { object, deleting }) => describeNamespace(sheet, object, deleting),
};

/** Describes an object in kubectl's words and order (pkg/describe), without what only a cluster has. */
export function describeObject(sheet: Sheet, kind: Kind, one: ListedObject, others: Others): void {
  describers[kind](sheet, one, others);
}
