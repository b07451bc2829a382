import assert from "node:assert/strict";
import { test } from "node:test";
import { readManifests } from "../manifests/index.ts";
import { objectJson } from "./object-json.ts";

function deletionOf(terminationGracePeriodSeconds: number): unknown {
  const spec = { terminationGracePeriodSeconds, containers: [{ name: "main", image: "example.test/main" }] };
  const text = JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec });
  const [manifest] = readManifests([{ file: "pod.json", text }]).manifests;
  assert.ok(manifest);
  const sinceNs = BigInt(Date.UTC(2026, 0, 1)) * 1_000_000n;
  const object = { manifest, uid: "one", createdAtNs: 1n, generation: 1, deleting: { sinceNs } };
  return objectJson(object, undefined).metadata;
}

test("an object that is being deleted says by when it is to be gone, however long its grace period", () => {
  for (const [seconds, time] of [
    [60, "2026-01-01T00:01:00Z"],
    [1e12, "9999-12-31T23:59:59Z"],
    [Number.MAX_SAFE_INTEGER, "9999-12-31T23:59:59Z"],
  ] as const)
    assert.partialDeepStrictEqual(deletionOf(seconds), {
      deletionTimestamp: time,
      deletionGracePeriodSeconds: seconds,
    });
});
