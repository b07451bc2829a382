import type { ContainerEdits } from "../../../parts/cdi/index.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";

/**
 * What takes part in the life of containers from outside of it, as NRI plugins do: it has a name and a place
 * in the order, and a function for each point at which it wants to be called. The life of the container waits
 * for each call, and no two extensions are called for one container at the same time. Not for steps that
 * every container has: those are in `container-steps.ts`.
 */
export type Extension = {
  /** Unique. Errors, logs and what is recorded of its answers have it. */
  readonly name: string;
  /**
   * Lower ones are called first, those with the same number by name; at removals the other way round. CDI is
   * 0.
   */
  readonly order: number;
  /**
   * Called once for a container that is being created, before anything is made of it. The answer is recorded
   * with the container and made part of its specification at each start, also by a later daemon, without
   * another call. When it throws the creation is rolled back. A client that gives up does not end a creation,
   * so what may wait needs a limit of its own.
   */
  readonly createContainer?: (subject: CreatedContainer) => Promise<readonly ContainerEdits[]>;
  /**
   * Takes back what {@link createContainer} did, when the creation fails and when the container is removed,
   * after everything else of it is gone. May be called more than once, and when `createContainer` was cut off
   * anywhere or not called at all. When it throws, the container stays, and the next removal tries again.
   */
  readonly removeContainer?: (container: ContainerRecord) => Promise<void>;
};

export type CreatedContainer = { readonly container: ContainerRecord; readonly sandbox: SandboxRecord };

/** The places at which extensions can be called. */
export type ExtensionPoint = "createContainer" | "removeContainer";
