import type { PodSandboxConfig } from "../../ground/protocol/index.ts";
import type { Container } from "../manifests/index.ts";
import type { MachineMemory } from "./cgroups/machine-memory.ts";
import type { PodContext } from "./context.ts";
import type { Pod } from "./pod.ts";

/** The user of an image's containers; root if it names none. */
export type ImageUser = { readonly uid?: number | undefined; readonly name?: string | undefined };

/** The input for a container's configuration. */
export type ContainerRequest = {
  readonly pod: Pod;
  readonly container: Container;
  /** How many times the container was started before. */
  readonly attempt: number;
  /** The image's id in the runtime. */
  readonly imageId: string;
  /** The ids of the images that it mounts, by volume; the others are mounted by reference. */
  readonly volumeImageIds?: ReadonlyMap<string, string>;
  /** Required for a container that must not be root and names no user. */
  readonly imageUser?: ImageUser;
  readonly sandbox: PodSandboxConfig;
  /** The pod's addresses, the primary one first; with the host's network, those of the machine. */
  readonly podIps: readonly string[];
  /** Id of the container whose PID namespace it joins, if any. */
  readonly targetId?: string | undefined;
  readonly context: PodContext;
  readonly machine: MachineMemory;
};
