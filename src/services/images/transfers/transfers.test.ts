import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startFakeRegistry } from "../../../testing/fake-registry.ts";
import { imageOf, indexOf } from "../../../testing/images.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { openStack } from "../testing/stack.ts";

test("an image that the policy rejects is neither fetched nor named, whichever machine it is for", async () => {
  await using directory = await tempDir();
  const policy = join(directory.path, "policy.json");
  await writeFile(policy, JSON.stringify({ default: [{ type: "reject" }] }));
  const platform = { os: "linux", architecture: "amd64" };
  const trust = { policy, registriesDir: directory.path };
  await using stack = await openStack({ platform, trust });
  const other = { os: "linux", architecture: "arm64" };
  await using server = await startFakeRegistry({
    "app:v1": await imageOf({ platform }),
    "app:other": indexOf([[await imageOf({ platform: other }), other]]),
  });
  const cases = ["v1", "other"].flatMap((tag) => [true, false].map((unpack) => ({ tag, unpack })));
  for (const { tag, unpack } of cases) {
    const request = {
      reference: `${server.host}/app:${tag}`,
      access: { credentials: undefined },
      wanted: { platforms: [], allMetadata: false },
      unpack,
      onResolved: () => undefined,
      onProgress: () => undefined,
      name: () => Promise.reject(new Error("it was named")),
    };
    await assert.rejects(stack.images.transfers.fetch(request, new AbortController().signal), {
      code: "PermissionDenied",
    });
  }
  assert.deepEqual([stack.content.list(), stack.snapshotter.list()], [[], []]);
});
