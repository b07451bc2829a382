import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { exists } from "../../../ground/fs/index.ts";
import { cgroupLayout } from "../../../ground/linux/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import { openDatabase } from "../../../ground/metadata/index.ts";
import { ContainerConfig, NamespaceMode, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { digestOf } from "../../../parts/oci/index.ts";
import { ContainerStore } from "../../../services/containers/index.ts";
import { ServiceEvents } from "../../../services/events/index.ts";
import { TaskBench } from "../../../services/runtime/testing/task-bench.ts";
import { until } from "../../../testing/until.ts";
import { PodEvents } from "../pod-events.ts";
import { containerRecords, sandboxRecords } from "../records/record-forms.ts";
import { TaskTable } from "../tasks/task-table.ts";
import { SandboxCgroups } from "./sandbox-cgroups.ts";

test("a pod gets its cgroup also after more events at once than can be followed", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined);
  await using bench = await TaskBench.open();
  await using database = await openDatabase({ path: join(bench.directory, "metadata.db") });
  const logger = createLogger({ level: "silent", format: "json" });
  const serviceEvents = new ServiceEvents();
  const common = (await ContainerStore.open(database, serviceEvents)).inNamespace("k8s.io");
  const sandboxes = sandboxRecords(common.sandboxes, logger);
  const containers = containerRecords(common.containers, "overlayfs", logger);
  const taskTable = new TaskTable();
  const events = new PodEvents(serviceEvents, sandboxes, containers, taskTable);
  const pauses = { get: () => undefined };
  const state = { stateDir: bench.directory, cgroupDriver: "cgroupfs" } as const;
  const services = { ...state, sandboxes, containers, taskTable, events, pauses, logger };
  const cgroups = new SandboxCgroups(services, layout);
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => cgroups.close());
  cgroups.start();
  for (let event = 0; event < 10_010; event++) events.container("started", "other", "gone");

  const task = await bench.run("crun", "sleep 1000");
  taskTable.add(task);
  const securityContext = { namespaceOptions: { pid: NamespaceMode.CONTAINER } };
  const sandbox = await sandboxes.create({
    id: "pod",
    config: PodSandboxConfig.fromPartial({ linux: { cgroupParent: bench.cgroup, securityContext } }),
    handler: "",
    resolvedHandler: "crun",
    phase: "ready",
    ips: [],
  });
  await containers.create({
    id: task.id,
    sandboxId: sandbox.id,
    config: ContainerConfig.fromPartial({}),
    imageId: digestOf(Buffer.from("app")),
    imageRef: "app@sha256:0",
    imageName: "app",
    runtime: "crun",
    phase: { kind: "started", atNs: 1n },
    logPath: "",
    user: { uid: 0, gid: 0, supplementalGroups: [] },
    stopSignal: 15,
  });
  events.container("started", task.id, sandbox.id);
  const root = layout.kind === "v2" ? layout.v2.mountPoint : (layout.v1.get("memory") ?? "");
  await until(() => exists(join(root, bench.cgroup, sandbox.id)));
  await cgroups.remove(sandbox);
});
