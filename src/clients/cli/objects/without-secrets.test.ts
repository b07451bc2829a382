import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutSecrets } from "./without-secrets.ts";

test("a secret is shown without its values, including those that kubectl has stored in an annotation", () => {
  const data = { password: Buffer.from("hunter2").toString("base64") };
  const annotations = {
    note: "kept",
    "kubectl.kubernetes.io/last-applied-configuration": JSON.stringify({ data }),
  };
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name: "login", annotations }, data };
  assert.deepEqual(withoutSecrets(secret), {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "login", annotations: { note: "kept" } },
    data: { password: "7 bytes" },
  });
});
