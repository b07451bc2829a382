import type { DatabaseSync } from "node:sqlite";
import { decode, encode } from "./encoding.ts";
import { MetadataError } from "./metadata-error.ts";

/*
 * Containers and sandboxes were CRI's alone: a record was its configuration and state. Since then a record
 * has fields that every client of containers knows, and what is CRI's lies in an extension. This is frozen
 * with the schema that it makes: it takes nothing from the rooms of today.
 */

type PlainObject = Readonly<Record<string, unknown>>;

/** Fields of both kinds of records, in the old form. */
type OldRecord = PlainObject & {
  readonly id: string;
  readonly createdAtNs: bigint;
  readonly config: { readonly labels?: Readonly<Record<string, string>> };
};
type OldContainer = OldRecord & { readonly sandboxId: string; readonly imageRef: string };
type OldSandbox = OldRecord & { readonly handler: string; readonly resolvedHandler?: string };

export function commonContainerRecords(db: DatabaseSync): void {
  // Containers first, since their runtime comes from the sandbox's old record.
  rewrite(db, "containers", (namespace, old: OldContainer) => commonContainer(db, namespace, old));
  rewrite(db, "sandboxes", (_, old: OldSandbox) => commonSandbox(old));
}

function rewrite<R>(
  db: DatabaseSync,
  table: string,
  toCommon: (namespace: string, old: R) => PlainObject,
): void {
  const update = db.prepare(`UPDATE ${table} SET value = ? WHERE namespace = ? AND key = ?`);
  for (const { namespace, key, value } of db.prepare(`SELECT namespace, key, value FROM ${table}`).all()) {
    try {
      const common = toCommon(String(namespace), decode(String(value)) as R);
      update.run(encode(common), namespace as string, key as string);
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      throw new MetadataError("DataLoss", `${table} record ${namespace}/${key}: ${error.message}`, {
        cause: error,
      });
    }
  }
}

function commonContainer(db: DatabaseSync, namespace: string, old: OldContainer): PlainObject {
  const { id, sandboxId, createdAtNs, ...cri } = old;
  const snapshotter = snapshotterOf(db, namespace, id);
  return {
    id,
    labels: commonLabels(old, "container"),
    image: old.imageRef,
    runtime: { name: runtimeOf(db, namespace, sandboxId) },
    snapshotter,
    snapshotKey: snapshotter === "" ? "" : id,
    sandboxId,
    createdAtNs,
    updatedAtNs: createdAtNs,
    extensions: extension("container", cri),
  };
}

function commonSandbox(old: OldSandbox): PlainObject {
  const { id, createdAtNs, resolvedHandler, ...cri } = old;
  return {
    id,
    labels: commonLabels(old, "sandbox"),
    runtime: { name: nameOf(old) },
    sandboxer: "native",
    createdAtNs,
    updatedAtNs: createdAtNs,
    extensions: extension("sandbox", cri),
  };
}

/**
 * A container's snapshot has the container's id as its name; the key of its record begins with the
 * snapshotter's name.
 */
function snapshotterOf(db: DatabaseSync, namespace: string, id: string): string {
  const row = db.prepare("SELECT key FROM snapshots WHERE namespace = ? AND key LIKE ?");
  const key = row.get(namespace, `%/${id}`)?.key;
  return key === undefined ? "" : String(key).slice(0, -id.length - 1);
}

function runtimeOf(db: DatabaseSync, namespace: string, sandboxId: string): string {
  const row = db.prepare("SELECT value FROM sandboxes WHERE namespace = ? AND key = ?");
  const value = row.get(namespace, sandboxId)?.value;
  return value === undefined ? "unknown" : nameOf(decode(String(value)) as OldSandbox);
}

function nameOf({ resolvedHandler = "", handler }: OldSandbox): string {
  return resolvedHandler || handler || "unknown";
}

/** The configuration's labels that fit, and those that containerd gives to CRI's containers. */
function commonLabels({ config }: OldRecord, kind: string): PlainObject {
  const given = Object.entries(config.labels ?? {}).filter(
    ([key, value]) => value !== "" && Buffer.byteLength(key) + Buffer.byteLength(value) <= 4096,
  );
  return { ...Object.fromEntries(given), "io.cri-containerd.kind": kind };
}

function extension(kind: "container" | "sandbox", cri: PlainObject): PlainObject {
  const value = new TextEncoder().encode(encode(cri));
  return { [`io.berth.cri.${kind}`]: { typeUrl: `io.berth.cri.${kind}/v1`, value } };
}
