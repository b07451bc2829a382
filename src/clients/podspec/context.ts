import type { TreeRemover } from "../../ground/trees/index.ts";
import type { ManifestOf } from "../manifests/index.ts";
import type { Amounts } from "./cgroups/pod-requests.ts";

/** A service, as it appears in containers' environment variables. */
export type ServiceAddress = {
  readonly name: string;
  readonly address: string;
  readonly ports: readonly {
    readonly name?: string | undefined;
    readonly port: number;
    readonly protocol?: "TCP" | "UDP" | "SCTP" | undefined;
  }[];
};

/** The current objects to which pods refer; undefined if missing. */
export type ObjectSource = {
  readonly configMap: (namespace: string, name: string) => ManifestOf<"ConfigMap"> | undefined;
  readonly secret: (namespace: string, name: string) => ManifestOf<"Secret"> | undefined;
  /** The services of a namespace that have an address. */
  readonly services: (namespace: string) => readonly ServiceAddress[];
  /** The existing directory of a claim's volume. */
  readonly claimDirectory: (namespace: string, name: string) => Promise<string | undefined>;
};

/** The environment for translating a pod. */
export type PodContext = {
  /**
   * Root of the pods' directories, which are named by uid, like a kubelet's /var/lib/kubelet/pods. Undefined
   * for pods without directories: the runtime creates their hosts files, and their volumes are paths on the
   * machine.
   */
  readonly podsDir: string | undefined;
  /** Directory that records which user ids belong to which pod, shared by everything that runs pods. */
  readonly usersDir: string;
  /** Removes pods' directories in one thread for all pods; by default, each pod has its own. */
  readonly trees?: Pick<TreeRemover, "remove">;
  /** The counterpart of a kubelet's /var/log/pods. */
  readonly logRoot: string;
  readonly objects: ObjectSource;
  /** The name servers that resolve services, if any. */
  readonly clusterDns: () => Promise<readonly string[]>;
  /** The resources of the machine for pods, which count as limits of containers without any. */
  readonly allocatable: Amounts;
  /** The machine's addresses, at most one of each family. */
  readonly hostIps: readonly string[];
};
