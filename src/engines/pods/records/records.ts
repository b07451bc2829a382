import { randomBytes } from "node:crypto";
import type { ContainerEdits } from "../../../parts/cdi/index.ts";
import type { Digest } from "../../../parts/oci/index.ts";
import type { Image } from "../../../services/images/index.ts";
import type { Container, PodResources, Sandbox } from "../../engine/index.ts";
import type { UnrecordedSnapshot } from "../container/unrecorded-snapshot.ts";

/**
 * A pod sandbox as it is recorded: what every client of sandboxes knows of it, and what only CRI does
 * (record-forms.ts).
 */
export type SandboxRecord = {
  readonly id: string;
  readonly config: Sandbox["config"];
  /** As the client asked; "" for the default. */
  readonly handler: string;
  /** The handler that "" meant when the sandbox was made. */
  readonly resolvedHandler: string;
  readonly createdAtNs: bigint;
  /**
   * - `creating`: steps are running, or were cut;
   * - `ready`: made, and to be found again after a restart of the daemon;
   * - `stopping`: no longer ready; what it has is being taken away, or waits for that to be tried again;
   * - `stopped`: it has nothing any more, and waits for its removal.
   */
  readonly phase: "creating" | "ready" | "stopping" | "stopped";
  readonly ips: readonly string[];
  /** What updates have put in the place of the configuration's. */
  readonly resources?: PodResources;
  /** Of SELinux; absent where it was not enabled when the sandbox was made, and in old records. */
  readonly seLinuxLevel?: string;
};

/**
 * A container as it is recorded: what every client of containers knows of it, and what only CRI does
 * (record-forms.ts).
 */
export type ContainerRecord = {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: Container["config"];
  readonly imageId: Digest;
  readonly imageRef: string;
  /** For people: a name of the image when the container was made, and not looked up. */
  readonly imageName: string;
  /** The handler that it was made for. */
  readonly runtime: string;
  /**
   * What the image says of its process: the image may be removed before the container is started. Absent in
   * old records.
   */
  readonly imageConfig?: Image["config"]["config"];
  readonly createdAtNs: bigint;
  readonly phase: ContainerPhase;
  readonly logPath: string;
  /**
   * `home` where the image does not know the user; absent in records that an older version wrote, too.
   */
  readonly user: Container["user"] & { readonly home?: string };
  readonly stopSignal: number;
  /** Limits in force, or to be with the start; undefined in records that an older version wrote. */
  readonly resources?: Container["resources"];
  /**
   * It comes from a checkpoint, which lies in a directory named after the container until its processes run.
   * `exact`: its configuration must ask for the process that was checkpointed.
   */
  readonly restore?: { readonly exact: boolean };
  /** Absent in records of containers that mount none, and in old ones. */
  readonly imageVolumes?: Container["imageVolumes"];
  /**
   * What extensions have changed, in the order in which it is made part of the specification; absent in old
   * records, and while it is being created.
   */
  readonly adjustments?: readonly Adjustment[];
  /**
   * Paths in the container that its image declares as volumes; absent where there are none, and in old
   * records.
   */
  readonly declaredVolumes?: readonly string[];
};

/**
 * What an extension changes of a container: edits of its specification, in the form that the Container Device
 * Interface has.
 */
export type Adjustment = { readonly extension: string; readonly edits: readonly ContainerEdits[] };

export type ContainerPhase =
  /** Steps are running, or were cut. */
  | { readonly kind: "creating" }
  | { readonly kind: "created" }
  /** Its start was asked for: whether it runs is the task's to say. */
  | { readonly kind: "started"; readonly atNs: bigint }
  | Extract<Container["state"], { kind: "exited" }>;

/** A container on its way: its record, and what the steps find out. */
export type ContainerDraft = {
  /** What extensions answer is added. */
  record: ContainerRecord;
  user: ContainerRecord["user"];
  /** Until it is finished. */
  snapshot?: UnrecordedSnapshot;
};

/** A new sandbox or container id: 64 hex digits. */
export function newId(): string {
  return randomBytes(32).toString("hex");
}
