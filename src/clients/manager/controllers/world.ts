import type { Manifest, PodTemplate } from "../../manifests/index.ts";
import type { PodEvent, PodStatus } from "../../podlife/index.ts";
import type { JobPodEnd } from "../job-pod-end.ts";
import type { ObjectKey, ObjectStatus, StoredObject, StoredPod } from "../objects.ts";

/** The interface of controllers to the objects and pods. Each change is durable when its promise resolves. */
export type World = {
  readonly nowNs: () => bigint;
  /** Labels of this node. */
  readonly nodeLabels: Readonly<Record<string, string>>;
  /** All existing objects that this one created. */
  readonly owned: (owner: StoredObject) => readonly StoredObject[];
  readonly find: (key: ObjectKey) => StoredObject | undefined;
  /** Gives an object another owner. */
  readonly adopt: (object: StoredObject, owner: StoredObject) => Promise<void>;
  readonly podStatus: (pod: StoredPod) => PodStatus | undefined;
  readonly create: (manifest: Manifest, owner: StoredObject) => Promise<void>;
  /** Gives an object the manifest made of it as it is when its turn comes, unless that is undefined. */
  readonly change: <M extends Manifest>(
    object: StoredObject<M>,
    change: (now: StoredObject<M>) => Manifest | undefined,
  ) => Promise<void>;
  readonly remove: (object: StoredObject, graceSeconds?: number) => Promise<void>;
  /** Records how one of a job's pods has ended, whatever happens to the pod. */
  readonly countPod: (job: StoredObject, end: JobPodEnd) => Promise<void>;
  readonly setStatus: (object: StoredObject, status: ObjectStatus) => Promise<void>;
  /** Reports an event of an object. */
  readonly tell: (object: StoredObject, type: PodEvent["type"], reason: string, message: string) => void;
  /** Reconciles again after this many milliseconds, if nothing else triggers it before. */
  readonly lookAgainAfter: (ms: number) => void;
};

/** Takes the next step for one object; called again after each change. */
export type Controller<Object extends StoredObject> = (object: Object, world: World) => Promise<void>;

/** The manifest of a pod from a template. */
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
