import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startFakeRegistry } from "../../../testing/fake-registry.ts";
import { imageOf } from "../../../testing/images.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { openStack } from "../testing/stack.ts";

test("an image that the policy does not take is neither brought nor named, whether it is to be unpacked or not", async () => {
  await using directory = await tempDir();
  const policy = join(directory.path, "policy.json");
  await writeFile(policy, JSON.stringify({ default: [{ type: "reject" }] }));
  const platform = { os: "linux", architecture: "amd64" };
  const trust = { policy, registriesDir: directory.path };
  await using stack = await openStack({ platform, trust });
  await using server = await startFakeRegistry({ "app:v1": await imageOf({ platform }) });
  for (const unpack of [true, false]) {
    const request = {
      reference: `${server.host}/app:v1`,
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
