import { join } from "node:path";
import type { TreeRemover } from "../../ground/trees/index.ts";
import { machineUsersDir, type PodContext } from "../podspec/index.ts";
import type { Claims } from "./claims.ts";
import { hostIps } from "./host-ips.ts";
import type { Node } from "./node/node.ts";
import type { ObjectStore } from "./object-store.ts";
import type { NodeServices } from "./services/node-services.ts";

export type PodContextOptions = {
  readonly dataDir: string;
  readonly logRoot: string;
  readonly usersDir?: string;
  readonly store: ObjectStore;
  readonly claims: Claims;
  readonly services: NodeServices;
  readonly trees: TreeRemover;
  readonly node: Node;
};

/** The context for translating this manager's pods: the current state of the machine and of its objects. */
export function podContext(options: PodContextOptions): PodContext {
  const { dataDir, logRoot, usersDir = machineUsersDir, store, claims, services, trees, node } = options;
  return {
    podsDir: join(dataDir, "pods"),
    usersDir,
    trees,
    logRoot,
    allocatable: node.allocatable,
    hostIps: hostIps(),
    clusterDns: () => services.resolvers(),
    objects: {
      services: (namespace) => services.addresses(namespace),
      configMap: (namespace, name) => store.getOf("ConfigMap", namespace, name)?.manifest,
      secret: (namespace, name) => store.getOf("Secret", namespace, name)?.manifest,
      claimDirectory: (namespace, name) => claims.directory(namespace, name),
    },
  };
}
