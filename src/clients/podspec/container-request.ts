import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import type { Container } from "../manifests/index.ts";
import type { MachineMemory } from "./cgroups/machine-memory.ts";
import type { PodContext } from "./context.ts";
import type { Pod } from "./pod.ts";

/** As whom an image's containers run: root where it says nothing. */
export type ImageUser = { readonly uid?: number | undefined; readonly name?: string | undefined };

/** What a container is made of. */
export type ContainerRequest = {
  readonly pod: Pod;
  readonly container: Container;
  /** How often the container was started before. */
  readonly attempt: number;
  /** The image's id, as the runtime tells it. */
  readonly imageId: string;
  /** Has to be known of a container that must not be root and does not say who it is. */
  readonly imageUser?: ImageUser;
  readonly sandbox: PodSandboxConfig;
  /** The pod's addresses, the primary one first; those of the machine with its network. */
  readonly podIps: readonly string[];
  /** Id of the container whose processes it sees, if there is one. */
  readonly targetId?: string | undefined;
  readonly context: PodContext;
  readonly machine: MachineMemory;
};
