import type { ContainerEdits } from "../../../parts/cdi/index.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";

/**
 * Takes part in the life cycle of containers from outside, like NRI plugins: it has a name, a place in the
 * order, and a function for each point at which it is called. Each call is awaited, and for one container no
 * two extensions are called at the same time. Steps that every container has are in `container-steps.ts`
 * instead.
 */
export type Extension = {
  /** Unique; used in errors, logs and recorded adjustments. */
  readonly name: string;
  /**
   * Lower ones are called first, those with the same number by name; at removals the other way round. CDI is
   * 0.
   */
  readonly order: number;
  /**
   * Called once for a new container, before anything is created. The result is recorded with the container
   * and applied to its specification at each start, also by a later daemon, without another call. If it
   * throws, the creation is rolled back. A client that gives up does not end a creation, so anything that may
   * block needs its own timeout.
   */
  readonly createContainer?: (subject: CreatedContainer) => Promise<readonly ContainerEdits[]>;
  /**
   * Undoes {@link createContainer} when the creation fails and when the container is removed, after
   * everything else was removed. May be called more than once, and if `createContainer` was interrupted or
   * never called. If it throws, the container stays, and the next removal retries.
   */
  readonly removeContainer?: (container: ContainerRecord) => Promise<void>;
};

export type CreatedContainer = { readonly container: ContainerRecord; readonly sandbox: SandboxRecord };

/** Points at which extensions can be called. */
export type ExtensionPoint = "createContainer" | "removeContainer";
