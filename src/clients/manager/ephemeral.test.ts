import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pendingStatus } from "../podlife/index.ts";
import { withEphemeral } from "./ephemeral.ts";
import type { StoredPod } from "./objects.ts";

const pod: StoredPod = {
  manifest: {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default", labels: {}, annotations: {} },
    spec: { containers: [{ name: "main", image: "image" }] },
  },
  uid: "uid",
  createdAtNs: 0n,
  generation: 1,
};
const pending = pendingStatus(pod.manifest.spec, []);

describe("an ephemeral container", () => {
  it("is added to those of a pod", () => {
    const added = withEphemeral(pod, pending, '{"name":"tools","image":"image"}');
    assert.deepEqual(
      added.map(({ name }) => name),
      ["tools"],
    );
  });

  it("that is not JSON is rejected as the caller's error", () => {
    assert.throws(() => withEphemeral(pod, pending, "{"), {
      code: "InvalidArgument",
      message: /^container must be an ephemeral container in JSON: /,
    });
  });

  it("of a pod that has ended is rejected", () => {
    const ended = { ...pending, phase: "Failed" } as const;
    assert.throws(() => withEphemeral(pod, ended, "{}"), { code: "FailedPrecondition" });
  });
});
