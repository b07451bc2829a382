import type { ManifestOf } from "../manifests/index.ts";

/** Objects that pods refer to, as they are now. Undefined where there is none. */
export type ObjectSource = {
  readonly configMap: (namespace: string, name: string) => ManifestOf<"ConfigMap"> | undefined;
  readonly secret: (namespace: string, name: string) => ManifestOf<"Secret"> | undefined;
  /** The directory of a claim's volume, which is there. */
  readonly claimDirectory: (namespace: string, name: string) => Promise<string | undefined>;
};

/** What translating a pod needs to know besides the pod. */
export type PodContext = {
  /** Where pods have their own directories, by uid; as a kubelet's /var/lib/kubelet/pods. */
  readonly podsDir: string;
  /** As a kubelet's /var/log/pods. */
  readonly logRoot: string;
  readonly objects: ObjectSource;
  /** The address of the machine, if it has one. */
  readonly hostIp: string | undefined;
};
