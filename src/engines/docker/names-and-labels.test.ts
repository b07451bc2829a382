import assert from "node:assert/strict";
import { test } from "node:test";
import { ContainerConfig, PodSandboxConfig } from "../../ground/protocol/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import { containerLabels, containerName, readLabels, sandboxLabels } from "./names-and-labels.ts";

const metadata = { name: "pod", namespace: "default", uid: "uid", attempt: 0 };

test("a sandbox's labels hold its name, handler and configuration", () => {
  const config = PodSandboxConfig.fromPartial({ metadata, hostname: "host" });
  const name = "k8s_POD_pod_default_uid_0";
  assert.deepEqual(readLabels(sandboxLabels({ config, handler: "kata" }), "renamed"), {
    kind: "sandbox",
    name,
    config,
    handler: "kata",
  });
});

test("labels that somebody else chose are not read as those of a pod", () => {
  const labels = { "berth.kind": "sandbox", "berth.name": "mine" };
  assert.equal(readLabels({ "berth.kind": "reader", "berth.name": "mine" }, "mine"), undefined);
  for (const config of ["", "null", "[]", "{}", '{"metadata":null}'])
    assert.throws(() => readLabels({ ...labels, "berth.config": config }, "mine"), config);
});

test("labels of the first builds, which did not hold the name, are read if the name fits them", () => {
  const sandbox = PodSandboxConfig.fromPartial({ metadata });
  const config = ContainerConfig.fromPartial({ metadata: { name: "app", attempt: 2 } });
  const name = containerName(config, sandbox);
  const imageId = parseDigest(`sha256:${"0".repeat(64)}`);
  const container = { name, config, sandboxId: "1", imageId, imageRef: "app", logPath: "" };
  for (const [labels, own] of [
    [sandboxLabels({ config: sandbox, handler: "" }), "k8s_POD_pod_default_uid_0"],
    [containerLabels(container), name],
  ] as const) {
    const { "berth.name": _, ...former } = labels;
    assert.equal(readLabels(former, own)?.name, own);
    assert.equal(readLabels(former, "another"), undefined);
  }
});
