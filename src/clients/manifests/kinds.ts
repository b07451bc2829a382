import { anything, integer, object, oneOf, type Read, type Schema } from "./schema.ts";
import { configMap, secret } from "./schemas/data.ts";
import { cronJobSpec, jobSpec } from "./schemas/jobs.ts";
import { objectMeta } from "./schemas/metadata.ts";
import { podSpec } from "./schemas/pod.ts";
import { serviceSpec } from "./schemas/service.ts";
import { claimSpec } from "./schemas/volumes.ts";
import {
  daemonSetSpec,
  deploymentSpec,
  replicaSetSpec,
  revisionData,
  statefulSetSpec,
} from "./schemas/workloads.ts";

/** The status is accepted and ignored: whoever runs the object creates it. */
const status = { status: anything };

function kind<const Version extends string, const Kind extends string, Spec>(
  version: Version,
  name: Kind,
  spec: Schema<Spec>,
) {
  const fields = { apiVersion: oneOf(version), kind: oneOf(name), metadata: objectMeta };
  return object({ ...fields, spec }, status);
}

/** The supported kinds, by name. */
export const kinds = {
  Pod: kind("v1", "Pod", podSpec),
  Deployment: kind("apps/v1", "Deployment", deploymentSpec),
  ReplicaSet: kind("apps/v1", "ReplicaSet", replicaSetSpec),
  StatefulSet: kind("apps/v1", "StatefulSet", statefulSetSpec),
  DaemonSet: kind("apps/v1", "DaemonSet", daemonSetSpec),
  Job: kind("batch/v1", "Job", jobSpec),
  CronJob: kind("batch/v1", "CronJob", cronJobSpec),
  Service: kind("v1", "Service", serviceSpec),
  PersistentVolumeClaim: kind("v1", "PersistentVolumeClaim", claimSpec),
  ConfigMap: configMap,
  Secret: secret,
  ControllerRevision: object(
    {
      apiVersion: oneOf("apps/v1"),
      kind: oneOf("ControllerRevision"),
      metadata: objectMeta,
      revision: integer(0),
      data: revisionData,
    },
    {},
  ),
  Namespace: object(
    { apiVersion: oneOf("v1"), kind: oneOf("Namespace"), metadata: objectMeta },
    { spec: anything, ...status },
  ),
} as const;

export type Kind = keyof typeof kinds;

/** The names of all supported kinds. */
export const kindNames = Object.keys(kinds) as readonly Kind[];

type Manifests = {
  readonly [K in Kind]: Omit<Read<(typeof kinds)[K]>, "metadata" | "status"> & {
    readonly metadata: Metadata;
  };
};

/** A parsed document, by kind. Its metadata has a name and a namespace ("" for a Namespace). */
export type ManifestOf<K extends Kind> = Manifests[K];

export type Metadata = {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
};

export type Manifest = Manifests[Kind];

export function isKind(name: unknown): name is Kind {
  return typeof name === "string" && Object.hasOwn(kinds, name);
}
