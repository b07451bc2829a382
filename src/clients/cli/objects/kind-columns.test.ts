import assert from "node:assert/strict";
import { test } from "node:test";
import type { Kind } from "../../manifests/index.ts";
import { renderTable } from "../output/table.ts";
import { columnsOfKind } from "./kind-columns.ts";

const nowMs = Date.parse("2026-11-30T12:00:00Z");

/** The cells of the header and of one row, but for its name and age; separated by `|`. */
function shown(kind: Kind, object: object, { wide = false, deleting = false, gone = false } = {}): string[] {
  const listed = { kind, namespace: "default", name: "one", deleting, gone, object: { ...object } };
  const row = { ...listed, createdAtNs: BigInt(nowMs - 60_000) * 1_000_000n };
  const lines = renderTable(columnsOfKind(kind, { wide, nowMs }), [row]);
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {3,}/).join("|"));
}

const template = { spec: { containers: [{ name: "main", image: "web:1" }] } };

test("objects of one kind are listed with kubectl's columns", () => {
  const podStatus = {
    phase: "Running",
    containerStatuses: [
      {
        name: "main",
        ready: true,
        restartCount: 2,
        state: { running: {} },
        lastState: { terminated: { finishedAt: "2026-11-30T11:55:00Z" } },
      },
    ],
    podIP: "10.0.0.7",
  };
  assert.deepEqual(shown("Pod", { spec: template.spec, status: podStatus }, { wide: true }), [
    "NAME|READY|STATUS|RESTARTS|AGE|IP|IMAGES",
    "one|1/1|Running|2 (5 minutes ago)|1 minute ago|10.0.0.7|web:1",
  ]);
  const selector = { matchLabels: { app: "web" } };
  const deployed = { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1, replicas: 3 };
  const deployment = { spec: { replicas: 3, template, selector }, status: deployed };
  assert.deepEqual(shown("Deployment", deployment, { wide: true }), [
    "NAME|READY|UP-TO-DATE|AVAILABLE|AGE|CONTAINERS|IMAGES|SELECTOR",
    "one|1/3|2|1|1 minute ago|main|web:1|app=web",
  ]);
  assert.deepEqual(shown("ReplicaSet", deployment), [
    "NAME|DESIRED|CURRENT|READY|AGE",
    "one|3|3|1|1 minute ago",
  ]);
  assert.deepEqual(shown("StatefulSet", deployment), ["NAME|READY|AGE", "one|1/3|1 minute ago"]);
  assert.deepEqual(shown("DaemonSet", { spec: { template }, status: { desiredNumberScheduled: 1 } }), [
    "NAME|DESIRED|CURRENT|READY|UP-TO-DATE|AVAILABLE|NODE SELECTOR|AGE",
    "one|1|0|0|0|0|<none>|1 minute ago",
  ]);
  const jobStatus = { succeeded: 1, startTime: "2026-11-30T11:59:20Z" };
  assert.deepEqual(shown("Job", { spec: { completions: 2, template }, status: jobStatus }), [
    "NAME|STATUS|COMPLETIONS|DURATION|AGE",
    "one|Running|1/2|40s|1 minute ago",
  ]);
  const cronStatus = { lastScheduleTime: "2026-11-30T11:58:00Z", active: [{}] };
  assert.deepEqual(shown("CronJob", { spec: { schedule: "*/2 * * * *" }, status: cronStatus }), [
    "NAME|SCHEDULE|TIMEZONE|SUSPEND|ACTIVE|LAST SCHEDULE|AGE",
    "one|*/2 * * * *|<none>|False|1|2 minutes ago|1 minute ago",
  ]);
  assert.deepEqual(shown("ConfigMap", { data: { a: "1", b: "2" } }), ["NAME|DATA|AGE", "one|2|1 minute ago"]);
  assert.deepEqual(shown("Secret", { type: "Opaque", data: { a: "MQ==" } }), [
    "NAME|TYPE|DATA|AGE",
    "one|Opaque|1|1 minute ago",
  ]);
  const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  assert.deepEqual(
    shown("PersistentVolumeClaim", { spec: claim, status: { phase: "Bound", capacity: { storage: "1Gi" } } }),
    ["NAME|STATUS|CAPACITY|ACCESS MODES|STORAGECLASS|AGE", "one|Bound|1Gi|RWO|<none>|1 minute ago"],
  );
  const service = { type: "NodePort", clusterIP: "10.96.0.1", ports: [{ port: 80, nodePort: 30080 }] };
  assert.deepEqual(shown("Service", { spec: service }), [
    "NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE",
    "one|NodePort|10.96.0.1|<none>|80:30080/TCP|1 minute ago",
  ]);
  const revision = { metadata: { ownerReferences: [{ kind: "StatefulSet", name: "db" }] }, revision: 2 };
  assert.deepEqual(shown("ControllerRevision", revision), [
    "NAME|CONTROLLER|REVISION|AGE",
    "one|statefulset.apps/db|2|1 minute ago",
  ]);
});

test("an object that is gone is shown as deleted, whatever its columns are", () => {
  const rows = (["Pod", "Job", "Namespace", "ConfigMap", "Deployment", "Service"] as const).map(
    (kind) => shown(kind, {}, { gone: true })[1] ?? "",
  );
  for (const row of rows) assert.match(row, /\|Deleted(\||$)/);
});
