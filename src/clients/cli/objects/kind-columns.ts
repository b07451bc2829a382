import { isRecord } from "../../../ground/json/index.ts";
import type { Kind } from "../../manifests/index.ts";
import type { Column } from "../output/table.ts";
import { formatAge } from "../output/units.ts";
import { itemsAt, type ListedObject, memberAt } from "./manager-calls.ts";
import { lastRestartNs } from "./pod-state.ts";
import { addressOf, imagesOf, portsOf, readyOf, restartsOf, stateOf, templateOf } from "./summary.ts";

type Columns = readonly Column<ListedObject>[];

/**
 * The columns for objects of one kind, as kubectl has them (pkg/printers/internalversion), except for those
 * about nodes and drivers; `wide` adds more. Times are those until `nowMs`.
 */
export function columnsOfKind(
  kind: Kind,
  { wide, nowMs }: { readonly wide: boolean; readonly nowMs: number },
): Columns {
  const columns = columnsByKind(nowMs)[kind];
  const name = { title: "NAME", value: ({ name }: ListedObject) => name };
  const age = { title: "AGE", value: (row: ListedObject) => ageOf(row, nowMs, columns) };
  return [name, ...columns, age, ...(wide ? (wideColumns[kind] ?? []) : [])];
}

/** Where no column has the state of an object, this one says that it is gone. */
function ageOf({ createdAtNs, gone }: ListedObject, nowMs: number, columns: Columns): string {
  const hasState = columns.some(({ title }) => title === "STATUS");
  return gone === true && !hasState ? "Deleted" : formatAge(createdAtNs, nowMs);
}

const none = "<none>";
const ready = { title: "READY", value: readyOf };
const status = { title: "STATUS", value: stateOf };

function columnsByKind(nowMs: number): Readonly<Record<Kind, Columns>> {
  return {
    Pod: [ready, status, { title: "RESTARTS", value: (row) => restarts(row, nowMs) }],
    Deployment: [
      ready,
      count("UP-TO-DATE", "status", "updatedReplicas"),
      count("AVAILABLE", "status", "availableReplicas"),
    ],
    ReplicaSet: [
      { title: "DESIRED", value: ({ object }) => String(memberAt(object, "spec", "replicas") ?? 1) },
      count("CURRENT", "status", "replicas"),
      count("READY", "status", "readyReplicas"),
    ],
    StatefulSet: [ready],
    DaemonSet: [
      count("DESIRED", "status", "desiredNumberScheduled"),
      count("CURRENT", "status", "currentNumberScheduled"),
      count("READY", "status", "numberReady"),
      count("UP-TO-DATE", "status", "updatedNumberScheduled"),
      count("AVAILABLE", "status", "numberAvailable"),
      { title: "NODE SELECTOR", value: (row) => pairs(memberAt(templateOf(row), "nodeSelector")) },
    ],
    Job: [
      status,
      { title: "COMPLETIONS", value: completions },
      { title: "DURATION", value: ({ object }) => jobDuration(object, nowMs) },
    ],
    CronJob: [
      text("SCHEDULE", "spec", "schedule"),
      text("TIMEZONE", "spec", "timeZone"),
      {
        title: "SUSPEND",
        value: ({ object }) => (memberAt(object, "spec", "suspend") === true ? "True" : "False"),
      },
      { title: "ACTIVE", value: ({ object }) => String(itemsAt(object, "status", "active").length) },
      {
        title: "LAST SCHEDULE",
        value: ({ object }) => {
          const lastMs = timeAt(object, "status", "lastScheduleTime");
          return lastMs === undefined ? none : formatAge(BigInt(lastMs) * 1_000_000n, nowMs);
        },
      },
    ],
    ConfigMap: [{ title: "DATA", value: (row) => String(sizeOf(row, "data") + sizeOf(row, "binaryData")) }],
    Secret: [
      { title: "TYPE", value: ({ object }) => String(memberAt(object, "type") ?? "Opaque") },
      { title: "DATA", value: (row) => String(sizeOf(row, "data")) },
    ],
    PersistentVolumeClaim: [
      status,
      text("CAPACITY", "status", "capacity", "storage"),
      { title: "ACCESS MODES", value: ({ object }) => accessModes(memberAt(object, "spec", "accessModes")) },
      text("STORAGECLASS", "spec", "storageClassName"),
    ],
    Service: [
      { title: "TYPE", value: typeOf },
      { title: "CLUSTER-IP", value: (row) => addressOf(row) || none },
      { title: "EXTERNAL-IP", value: externalIp },
      { title: "PORT(S)", value: (row) => portsOf(row) || none },
    ],
    Namespace: [status],
    ControllerRevision: [{ title: "CONTROLLER", value: controllerOf }, count("REVISION", "revision")],
  };
}

const containers = {
  title: "CONTAINERS",
  value: (row: ListedObject) =>
    itemsAt(templateOf(row), "containers")
      .map((one) => String(memberAt(one, "name")))
      .join(","),
};
const images = { title: "IMAGES", value: imagesOf };
const selector = {
  title: "SELECTOR",
  value: ({ object }: ListedObject) => pairs(memberAt(object, "spec", "selector", "matchLabels")),
};

const wideColumns: Readonly<Partial<Record<Kind, Columns>>> = {
  Pod: [{ title: "IP", value: (row) => addressOf(row) || none }, images],
  Deployment: [containers, images, selector],
  ReplicaSet: [containers, images, selector],
  StatefulSet: [containers, images],
  DaemonSet: [containers, images, selector],
  Job: [containers, images],
  CronJob: [containers, images],
  Service: [{ title: "SELECTOR", value: ({ object }) => pairs(memberAt(object, "spec", "selector")) }],
};

function count(title: string, ...path: readonly string[]): Column<ListedObject> {
  return { title, value: ({ object }) => String(memberAt(object, ...path) ?? 0) };
}

function text(title: string, ...path: readonly string[]): Column<ListedObject> {
  return { title, value: ({ object }) => String(memberAt(object, ...path) ?? none) };
}

/** Labels as kubectl shows them. */
function pairs(labels: unknown): string {
  const entries = isRecord(labels) ? Object.entries(labels) : [];
  return entries.map(([key, value]) => `${key}=${value}`).join(",") || none;
}

function sizeOf({ object }: ListedObject, key: string): number {
  const data = memberAt(object, key);
  return isRecord(data) ? Object.keys(data).length : 0;
}

/** In milliseconds since 1970. */
function timeAt(object: unknown, ...path: readonly string[]): number | undefined {
  const time = memberAt(object, ...path);
  return typeof time === "string" ? Date.parse(time) : undefined;
}

/** With the time since the last one. */
function restarts(row: ListedObject, nowMs: number): string {
  const last = lastRestartNs(row.object);
  const number = restartsOf(row);
  return number === "0" || last === 0n ? number : `${number} (${formatAge(last, nowMs)})`;
}

function completions({ object }: ListedObject): string {
  const succeeded = Number(memberAt(object, "status", "succeeded") ?? 0);
  const wanted = memberAt(object, "spec", "completions");
  const parallelism = Number(memberAt(object, "spec", "parallelism") ?? 1);
  if (wanted !== undefined) return `${succeeded}/${wanted}`;
  return `${succeeded}/1${parallelism > 1 ? ` of ${parallelism}` : ""}`;
}

/** `70s`, until now for a job that runs. */
function jobDuration(job: unknown, nowMs: number): string {
  const startMs = timeAt(job, "status", "startTime");
  if (startMs === undefined) return "";
  const failed = itemsAt(job, "status", "conditions").find((one) => memberAt(one, "type") === "Failed");
  const endMs = timeAt(job, "status", "completionTime") ?? timeAt(failed, "lastTransitionTime") ?? nowMs;
  return `${Math.max(0, Math.floor((endMs - startMs) / 1000))}s`;
}

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: "RWO",
  ReadOnlyMany: "ROX",
  ReadWriteMany: "RWX",
  ReadWriteOncePod: "RWOP",
};

function accessModes(modes: unknown): string {
  return Array.isArray(modes)
    ? modes.map((mode) => shortModes[String(mode)] ?? String(mode)).join(",")
    : none;
}

function typeOf({ object }: ListedObject): string {
  return String(memberAt(object, "spec", "type") ?? "ClusterIP");
}

function externalIp(row: ListedObject): string {
  if (typeOf(row) === "ExternalName") return String(memberAt(row.object, "spec", "externalName"));
  return typeOf(row) === "LoadBalancer" ? "<pending>" : none;
}

function controllerOf({ object }: ListedObject): string {
  const [owner] = itemsAt(object, "metadata", "ownerReferences");
  if (owner === undefined) return none;
  return `${String(memberAt(owner, "kind")).toLowerCase()}.apps/${memberAt(owner, "name")}`;
}
