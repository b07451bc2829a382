import type { TreeRemover } from "../../ground/trees/index.ts";
import type { ManifestOf } from "../manifests/index.ts";
import type { Amounts } from "./cgroups/pod-requests.ts";

/** A service as containers are told of it. */
export type ServiceAddress = {
  readonly name: string;
  readonly address: string;
  readonly ports: readonly {
    readonly name?: string | undefined;
    readonly port: number;
    readonly protocol?: "TCP" | "UDP" | "SCTP" | undefined;
  }[];
};

/** Objects that pods refer to, as they are now. Undefined where there is none. */
export type ObjectSource = {
  readonly configMap: (namespace: string, name: string) => ManifestOf<"ConfigMap"> | undefined;
  readonly secret: (namespace: string, name: string) => ManifestOf<"Secret"> | undefined;
  /** Those of a namespace that have an address. */
  readonly services: (namespace: string) => readonly ServiceAddress[];
  /** The directory of a claim's volume, which is there. */
  readonly claimDirectory: (namespace: string, name: string) => Promise<string | undefined>;
};

/** What translating a pod needs to know besides the pod. */
export type PodContext = {
  /**
   * Where pods have their own directories, by uid; as a kubelet's /var/lib/kubelet/pods. Undefined for pods
   * that have none: the runtime makes their hosts files, and their volumes are paths of the machine.
   */
  readonly podsDir: string | undefined;
  /** Where it is kept which users of the machine are which pod's: one directory for all that run pods. */
  readonly usersDir: string;
  /** Removes pods' directories, for all pods in one thread; each in its own unless it is given. */
  readonly trees?: Pick<TreeRemover, "remove">;
  /** As a kubelet's /var/log/pods. */
  readonly logRoot: string;
  readonly objects: ObjectSource;
  /** The name servers that know services, if there are any. */
  readonly clusterDns: () => Promise<readonly string[]>;
  /** What the machine has for pods, which limits a container that has no limits of its own. */
  readonly allocatable: Amounts;
  /** The machine's addresses, at most one of each family. */
  readonly hostIps: readonly string[];
};
