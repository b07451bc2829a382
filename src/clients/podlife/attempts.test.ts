import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { lastAttempts, saveAttempt } from "./attempts.ts";

test("attempts of removed containers are known if they were saved, or by their logs, also rotated ones", async () => {
  await using dir = await tempDir();
  const metadata = { name: "web", namespace: "shop", uid: "1", labels: {}, annotations: {} };
  const pod = { metadata, spec: { containers: [{ name: "main", image: "busybox" }] }, startTimeNs: 0n };
  const context = {
    podsDir: join(dir.path, "pods"),
    usersDir: "",
    logRoot: join(dir.path, "logs"),
    allocatable: {},
    hostIps: [],
    clusterDns: async () => [],
    objects: {
      services: () => [],
      configMap: () => undefined,
      secret: () => undefined,
      claimDirectory: async () => undefined,
    },
  };
  assert.deepEqual(await lastAttempts({ pod, context }), []);
  const log = async (container: string, ...names: readonly string[]) => {
    const directory = join(context.logRoot, "shop_web_1", container);
    await mkdir(directory, { recursive: true });
    for (const name of names) await writeFile(join(directory, name), "");
  };
  await log("main", "2.log", "9.log.20261130-063100.gz");
  await log("other", "3.log.20261130-063100", "7.logs", "x.log");
  await saveAttempt({ pod, context }, { name: "init", attempt: 4 });
  await saveAttempt({ pod, context }, { name: "init", attempt: 4 });
  const known = (await lastAttempts({ pod, context })).map(([name, attempt]) => `${name} ${attempt}`);
  assert.deepEqual(known.toSorted(), ["init 4", "main 2", "main 9", "other 3"]);
});
