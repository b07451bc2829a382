import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../ground/clock/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { StorageWatch } from "./storage-watch.ts";

const second = 1_000_000_000n;

test("measurements of a pod's disk usage block nothing, and become rarer the longer they take", async () => {
  await using dir = await tempDir();
  let nowNs = 100n * second;
  const looks: PromiseWithResolvers<ReadonlyMap<string, number>>[] = [];
  const [overfull, failures]: [string[], unknown[]] = [[], []];
  await using watch = new StorageWatch({
    pod: {
      metadata: { name: "web", namespace: "shop", uid: "uid", labels: {}, annotations: {} },
      spec: {
        containers: [{ name: "main", image: "image", resources: { limits: { "ephemeral-storage": "1Mi" } } }],
      },
      startTimeNs: 0n,
    },
    context: {
      podsDir: join(dir.path, "pods"),
      usersDir: join(dir.path, "users"),
      logRoot: join(dir.path, "logs"),
      hostIps: [],
      allocatable: {},
      clusterDns: async () => [],
      objects: {
        configMap: () => undefined,
        secret: () => undefined,
        services: () => [],
        claimDirectory: async () => undefined,
      },
    },
    runtime: {
      writtenBytes: async () => {
        const look = Promise.withResolvers<ReadonlyMap<string, number>>();
        looks.push(look);
        return await look.promise;
      },
    },
    clock: { ...systemClock, nowNs: () => nowNs },
    onOverfull: (message) => overfull.push(message),
    onFailure: (error) => failures.push(error),
  });
  const ended = async (result: number | Error) => {
    const look = looks.at(-1);
    if (result instanceof Error) look?.reject(result);
    else look?.resolve(new Map([["main", result]]));
    await watch[Symbol.asyncDispose]();
  };
  const lookAfter = async (seconds: bigint) => {
    nowNs += seconds * second;
    watch.look();
    // It calls the runtime in its turn.
    await new Promise(setImmediate);
    return looks.length;
  };

  assert.deepEqual([await lookAfter(0n), await lookAfter(3n)], [1, 1]);
  await ended(0);
  assert.equal(watch.againMs, 15_000);
  assert.deepEqual([await lookAfter(11n), await lookAfter(1n)], [1, 2]);
  await ended(new Error("the runtime is away"));
  assert.equal(watch.againMs, 10_000);
  assert.equal(await lookAfter(10n), 3);
  await ended(2 ** 21);
  assert.deepEqual(overfull, [
    "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi.",
  ]);
  assert.equal(failures.length, 1);
});
