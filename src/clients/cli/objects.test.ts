/** Which of the manager's objects commands mean. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { EngineError } from "../../engines/engine/index.ts";
import { type Endpoint, serveCli } from "./testing/cli.ts";

const names = (endpoint: Endpoint) => endpoint.objects.list().map(({ name }) => name);

test("delete takes manifests or a selection, not both", async () => {
  await using endpoint = await serveCli();
  endpoint.objects.add("ConfigMap", "a");
  const file = join(endpoint.dir, "a.yaml");
  await writeFile(file, "{ apiVersion: v1, kind: ConfigMap, metadata: { name: a }, data: {} }");
  for (const more of [["-l", "app=x"], ["--all"]]) {
    const { status, stderr } = await endpoint.run(["delete", "-f", file, ...more]);
    assert.equal(status, 2);
    assert.match(stderr, /leave out --selector and --all/);
  }
  assert.deepEqual(names(endpoint), ["a"]);
  assert.equal((await endpoint.run(["delete", "-f", file])).stdout, "configmap/a deleted\n");
});

test("delete does not miss what it has chosen by labels and somebody else has deleted", async () => {
  await using endpoint = await serveCli();
  const { objects } = endpoint;
  const labels = { app: "web" };
  for (const name of ["a", "gone"]) objects.add("ConfigMap", name, { labels });
  objects.add("ConfigMap", "c", { namespace: "other", labels });
  const { delete: remove } = objects;
  objects.delete = async (object, ...more) => {
    if (object.name === "gone") throw new EngineError("NotFound", "gone");
    await remove(object, ...more);
  };
  const chosen = await endpoint.run(["delete", "cm", "-l", "app=web"]);
  assert.deepEqual(chosen, { status: 0, stdout: "configmap/a deleted\n", stderr: "" });
  assert.deepEqual(await endpoint.run(["delete", "cm", "--all"]), { status: 0, stdout: "", stderr: "" });
  assert.deepEqual(names(endpoint), ["gone", "c"]);
  assert.equal((await endpoint.run(["delete", "cm", "gone"])).status, 3);
});
