import { isRecord } from "../../../ground/json/index.ts";
import type { Labels } from "../../../ground/labels/index.ts";
import type { Logger } from "../../../ground/logging/index.ts";
import type { Container, Containers, Sandbox, Sandboxes } from "../../../services/containers/index.ts";
import { ExtendedRecords, type RecordForm } from "./extended-records.ts";
import type { RecordStore } from "./record-store.ts";
import type { ContainerRecord, SandboxRecord } from "./records.ts";

/** What only CRI knows of a container. */
type CriContainer = Omit<ContainerRecord, "id" | "sandboxId" | "imageName" | "runtime" | "createdAtNs">;
/** What only CRI knows of a sandbox. */
type CriSandbox = Omit<SandboxRecord, "id" | "resolvedHandler" | "createdAtNs">;

type New<C> = Omit<C, "createdAtNs" | "updatedAtNs" | "extensions">;

/** CRI's containers; `snapshotter` names that of new ones. */
export function containerRecords(
  containers: Containers,
  snapshotter: string,
  logger: Pick<Logger, "error">,
): RecordStore<ContainerRecord> {
  const form: RecordForm<ContainerRecord, Container, New<Container>, CriContainer> = {
    kind: "container",
    extension: "io.berth.cri.container",
    typeUrl: "io.berth.cri.container/v1",
    common: ({ id, sandboxId, imageName, runtime, config }) => ({
      id,
      labels: commonLabels(config.labels, "container"),
      image: imageName,
      runtime: { name: runtime },
      snapshotter,
      snapshotKey: id,
      sandboxId,
    }),
    own: (record) => {
      const { id: _, sandboxId: _2, imageName: _3, runtime: _4, ...own } = withoutTime(record);
      return own;
    },
    isOwn: (value): value is CriContainer => hasConfig(value) && isRecord(value.phase),
    join: ({ id, sandboxId = "", image, runtime, createdAtNs }, own) => ({
      ...own,
      id,
      sandboxId,
      imageName: image,
      runtime: runtime.name,
      createdAtNs,
    }),
  };
  return new ExtendedRecords(containers, form, logger);
}

/** CRI's sandboxes. */
export function sandboxRecords(
  sandboxes: Sandboxes,
  logger: Pick<Logger, "error">,
): RecordStore<SandboxRecord> {
  const form: RecordForm<SandboxRecord, Sandbox, New<Sandbox>, CriSandbox> = {
    kind: "pod sandbox",
    extension: "io.berth.cri.sandbox",
    typeUrl: "io.berth.cri.sandbox/v1",
    common: ({ id, resolvedHandler, config }) => ({
      id,
      labels: commonLabels(config.labels, "sandbox"),
      runtime: { name: resolvedHandler },
      sandboxer: "native",
    }),
    own: (record) => {
      const { id: _, resolvedHandler: _2, ...own } = withoutTime(record);
      return own;
    },
    isOwn: (value): value is CriSandbox => hasConfig(value) && typeof value.phase === "string",
    join: ({ id, runtime, createdAtNs }, own) => ({ ...own, id, resolvedHandler: runtime.name, createdAtNs }),
  };
  return new ExtendedRecords(sandboxes, form, logger);
}

/** What is looked at of every record, in lists too. */
function hasConfig(value: unknown): value is { readonly config: object; readonly phase?: unknown } {
  return isRecord(value) && isRecord(value.config) && isRecord(value.config.labels);
}

/** A record that is there already has one, which is kept with the common fields. */
function withoutTime<R extends object>(record: R): Omit<R, "createdAtNs"> {
  const { createdAtNs: _, ...others } = record as R & { readonly createdAtNs?: bigint };
  return others;
}

/**
 * Bytes of a label's key and value together, as much as any client may give a container. CRI has no limit.
 */
const maxLabelBytes = 4096;

/**
 * The labels of the configuration, those that fit, and the one by which clients of containerd know CRI's
 * containers.
 */
function commonLabels(given: Labels, kind: "container" | "sandbox"): Labels {
  const fitting = Object.entries(given).filter(
    ([key, value]) => Buffer.byteLength(key) + Buffer.byteLength(value) <= maxLabelBytes,
  );
  return { ...Object.fromEntries(fitting), "io.cri-containerd.kind": kind };
}
