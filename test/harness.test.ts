import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { basename } from "node:path";
import { describe, it } from "node:test";
import { exists } from "../src/ground/fs/index.ts";
import { mountInfo } from "../src/ground/linux/index.ts";
import { NamespaceMode } from "../src/ground/protocol/index.ts";
import { tracesOf } from "../src/services/runtime/testing/task-bench.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { TestPod } from "./support/pod.ts";

describe("a daemon of a test that failed", () => {
  it("leaves nothing of its pods, though it was killed and is not there to remove them", async () => {
    await using registry = await startBusyboxRegistry();
    const seconds = randomInt(1e8, 1e9);
    const containers: string[] = [];
    const berth = await TestBerth.start({ engine: "native" });
    try {
      await berth.pull(registry.image);
      const securityContext = { namespaceOptions: { pid: NamespaceMode.POD } };
      const pod = await TestPod.run(berth, "left", { linux: { securityContext } });
      const main = await pod.shell("main", registry.image, `sleep ${seconds} & exec sleep ${seconds}`);
      containers.push(pod.id, main);
      await berth.stopDaemon("SIGKILL");
    } finally {
      await berth[Symbol.asyncDispose]();
    }
    assert.equal(await exists(berth.directory), false);
    const name = basename(berth.directory);
    for (const left of [name, `${seconds}`, ...containers]) assert.deepEqual(await tracesOf(left), []);
    assert.ok(!(await mountInfo()).some(({ root }) => root.includes(name)));
  });
});
