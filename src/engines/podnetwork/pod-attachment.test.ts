import assert from "node:assert/strict";
import { test } from "node:test";
import { PodSandboxConfig } from "../../ground/protocol/index.ts";
import { podAttachment } from "./pod-attachment.ts";

const key = "kubernetes.io/ingress-bandwidth";
const attachment = (bandwidth: string) =>
  podAttachment("id", PodSandboxConfig.fromPartial({ annotations: { [key]: bandwidth } }), "/run/netns/id");

test("a pod's bandwidth is a quantity of bits per second", () => {
  assert.deepEqual(attachment("10M").bandwidth, { ingressRate: 10_000_000 });
  assert.deepEqual(attachment("512Ki").bandwidth, { ingressRate: 524_288 });
});

test("an annotation with another bandwidth is refused by its name", () => {
  for (const text of ["", "M", "-5", "10X", "1e400Q", "1e999"])
    assert.throws(() => attachment(text), { code: "InvalidArgument", message: /ingress-bandwidth: / });
});
