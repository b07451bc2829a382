import assert from "node:assert/strict";
import { test } from "node:test";
import { rootfsWithLabel, withLabel } from "./se-linux-labels.ts";

const labels = {
  process: "system_u:system_r:container_t:s0:c1,c2",
  mount: "system_u:object_r:container_file_t:s0:c1,c2",
};
const upper = { directory: "/c", work: "/d" };
const overlay = { type: "overlay", upper, lower: ["/a", "/b"], options: ["index=off"] } as const;
const directory = { type: "bind", source: "/snapshots/7/fs", readonly: false } as const;

/** Takes down what is to be relabelled. */
function recorder() {
  const relabelled: [string, string][] = [];
  const relabel = async (_owner: string, path: string, label: string) => void relabelled.push([path, label]);
  return { relabelled, relabel };
}

test("an overlay is mounted with the label of the container, in quotes for the commas in it", async () => {
  const seLinux = recorder();
  const mounts = await rootfsWithLabel("pod", [overlay], labels, seLinux);
  assert.deepEqual(mounts, [{ ...overlay, options: [...overlay.options, `context="${labels.mount}"`] }]);
  assert.deepEqual(seLinux.relabelled, []);
});

test("a root file system that is a directory gets the label on its files; one that others mount, too, keeps its own", async () => {
  const seLinux = recorder();
  assert.deepEqual(await rootfsWithLabel("pod", [directory], labels, seLinux), [directory]);
  assert.deepEqual(seLinux.relabelled, [[directory.source, labels.mount]]);
  assert.deepEqual(withLabel([directory], labels), [directory]);
});

test("without SELinux nothing is labelled", async () => {
  assert.deepEqual(await rootfsWithLabel("pod", [overlay, directory], undefined, undefined), [
    overlay,
    directory,
  ]);
});
