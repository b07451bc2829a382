import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { checkMemoryLimit } from "./check-memory-limit.ts";

const versions = {
  "cgroup v2": {
    "memory.current": "1000\n",
    "memory.stat": "anon 600\nfile 400\ninactive_file 300\nactive_file 100\n",
  },
  "cgroup v1": {
    "memory.usage_in_bytes": "1000\n",
    "memory.stat":
      "active_file 1\ninactive_file 2\ntotal_rss 600\ntotal_inactive_file 300\ntotal_active_file 100\n",
  },
};

for (const [version, files] of Object.entries(versions)) {
  test(`a memory limit in ${version} may drop pages of files, and nothing else that is in use`, async () => {
    await using directory = await tempDir();
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory.path, name), text);
    await checkMemoryLimit(directory.path, 600);
    await checkMemoryLimit(directory.path, -1);
    await checkMemoryLimit(directory.path, undefined);
    await assert.rejects(checkMemoryLimit(directory.path, 599), {
      code: "FailedPrecondition",
      message: /599 is less than the 600 bytes/,
    });
  });
}
