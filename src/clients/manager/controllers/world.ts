import type { Manifest, PodTemplate } from "../../manifests/index.ts";
import type { PodStatus } from "../../podlife/index.ts";
import type { JobPodEnd } from "../job-pod-end.ts";
import type { ObjectKey, ObjectStatus, StoredObject, StoredPod } from "../objects.ts";

/** What controllers see of the world and do to it. Each change is durable when its promise resolves. */
export type World = {
  readonly nowNs: () => bigint;
  /** Labels of this node. */
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** All objects that this one made and that are there. */
  readonly owned: (owner: StoredObject) => readonly StoredObject[];
  readonly find: (key: ObjectKey) => StoredObject | undefined;
  /** Gives an object another owner. */
  readonly adopt: (object: StoredObject, owner: StoredObject) => Promise<void>;
  readonly podStatus: (pod: StoredPod) => PodStatus | undefined;
  readonly create: (manifest: Manifest, owner: StoredObject) => Promise<void>;
  readonly change: (object: StoredObject, manifest: Manifest) => Promise<void>;
  readonly remove: (object: StoredObject, graceSeconds?: number) => Promise<void>;
  /** Has a job remember how one of its pods has ended, whatever becomes of that. */
  readonly countPod: (job: StoredObject, end: JobPodEnd) => Promise<void>;
  readonly setStatus: (object: StoredObject, status: ObjectStatus) => Promise<void>;
  /** Reconciles again after so many milliseconds, if nothing happens before. */
  readonly lookAgainAfter: (ms: number) => void;
};

/** Does the next step for one object; asked again after each change. */
export type Controller<Object extends StoredObject> = (object: Object, world: World) => Promise<void>;

/** A pod of a template. */
export function podOf(
  owner: StoredObject,
  template: PodTemplate,
  name: string,
  more: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  } = {},
): Manifest {
  const { labels = {}, annotations = {} } = template.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: owner.manifest.metadata.namespace,
      labels: { ...labels, ...more.labels },
      annotations: { ...annotations, ...more.annotations },
    },
    spec: template.spec,
  };
}
