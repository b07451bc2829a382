import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { cgroupLayout } from "../../ground/linux/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { DockerError } from "../../parts/dockerapi/index.ts";
import { hasCgroup, removeCgroup } from "../../services/runtime/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { until } from "../../testing/until.ts";
import { RemovedContainers, type RemovedContainersOptions } from "./removed-containers.ts";

/** By the cgroup driver, a container's parent as in Docker's API, and its cgroup below that. */
const drivers = {
  cgroupfs: { parent: `/berth-test-${process.pid}`, cgroupOf: (id: string) => id },
  systemd: { parent: `berthtest${process.pid}.slice`, cgroupOf: (id: string) => `docker-${id}.scope` },
} as const;

/** Containers whose cgroups Docker has left, and what Docker says of each. */
async function openBench(
  container: RemovedContainersOptions["client"]["container"],
  driver: keyof typeof drivers = "cgroupfs",
) {
  const { parent, cgroupOf } = drivers[driver];
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await tempDir());
  const cgroups = await cgroupLayout();
  const root = cgroups?.kind === "v2" ? cgroups.v2.mountPoint : cgroups?.v1.get("memory");
  assert.ok(cgroups !== undefined && root !== undefined);
  opened.defer(() => removeCgroup(cgroups, join("/", parent)));
  const removed = new RemovedContainers({
    directory: directory.path,
    client: { container },
    cgroups,
    cgroupDriver: async () => driver,
    logger: createLogger({ level: "silent", format: "json" }),
    graceMs: 1,
  });
  opened.use(removed);
  const ids = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")].sort();
  for (const id of ids) await mkdir(join(root, parent, cgroupOf(id)), { recursive: true });
  const held = opened.move();
  return {
    ids,
    remove: (id: string, remove: () => Promise<unknown>) =>
      removed.during({ Id: id, HostConfig: { CgroupParent: parent } as never }, remove),
    hasCgroup: (id: string) => hasCgroup(cgroups, join("/", parent, cgroupOf(id))),
    records: () => readdir(directory.path),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

const notFound = () => Promise.reject(new DockerError("NotFound", "no such container"));

test("what stays of a container goes also if Docker takes long to remove it", async () => {
  const asked = Promise.withResolvers<void>();
  let isGone = false;
  await using bench = await openBench(() => {
    asked.resolve();
    return isGone ? notFound() : Promise.resolve({} as never);
  });
  const [id = ""] = bench.ids;
  await bench.remove(id, async () => {
    await asked.promise;
    assert.equal(await bench.hasCgroup(id), true);
    isGone = true;
  });
  await until(async () => !(await bench.hasCgroup(id)));
  await until(async () => (await bench.records()).length === 0);
});

test("a container of which Docker tells nothing does not keep what stays of others", async () => {
  const bad: string[] = [];
  await using bench = await openBench((id) =>
    bad.includes(id) ? Promise.reject(new DockerError("Internal", "it is damaged")) : notFound(),
  );
  const [first = "", second = ""] = bench.ids;
  bad.push(first);
  for (const id of bench.ids) await bench.remove(id, async () => undefined);
  await until(async () => (await bench.records()).length === 1);
  assert.deepEqual(await bench.records(), [first]);
  assert.equal(await bench.hasCgroup(second), false);
  assert.equal(await bench.hasCgroup(first), true);
});

test("what stays of a container goes also if its cgroup is a scope of systemd", async () => {
  await using bench = await openBench(notFound, "systemd");
  for (const id of bench.ids) await bench.remove(id, async () => undefined);
  await until(async () => (await bench.records()).length === 0);
  for (const id of bench.ids) assert.equal(await bench.hasCgroup(id), false);
});
