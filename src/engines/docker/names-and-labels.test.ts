import assert from "node:assert/strict";
import { test } from "node:test";
import { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { readLabels, sandboxLabels } from "./names-and-labels.ts";

const metadata = { name: "pod", namespace: "default", uid: "uid", attempt: 0 };

test("a sandbox's labels hold its name, handler and configuration", () => {
  const config = PodSandboxConfig.fromPartial({ metadata, hostname: "host" });
  const name = "k8s_POD_pod_default_uid_0";
  assert.deepEqual(readLabels(sandboxLabels({ config, handler: "kata" })), {
    kind: "sandbox",
    name,
    config,
    handler: "kata",
  });
});

test("labels that somebody else chose are not read as those of a pod", () => {
  const labels = { "berth.kind": "sandbox", "berth.name": "mine" };
  assert.equal(readLabels({ "berth.kind": "sandbox", "berth.config": "{}" }), undefined);
  for (const config of ["", "null", "[]", "{}", '{"metadata":null}'])
    assert.throws(() => readLabels({ ...labels, "berth.config": config }), config);
});
