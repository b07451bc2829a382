import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createLogger } from "../../../ground/logging/index.ts";
import { openDatabase } from "../../../ground/metadata/index.ts";
import { PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { ContainerStore } from "../../../services/containers/index.ts";
import { ServiceEvents } from "../../../services/events/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { sandboxRecords } from "../records/record-forms.ts";
import { UsableSandboxes } from "./usable-sandboxes.ts";

test("a loss that cannot be recorded is tried again once at a time, however often the pod is looked at", async () => {
  await using root = await tempDir();
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  const logger = createLogger({ level: "error", format: "json", destination });
  const database = await openDatabase({ path: join(root.path, "metadata.db") });
  const store = await ContainerStore.open(database, new ServiceEvents());
  const sandboxes = sandboxRecords(store.inNamespace("k8s.io").sandboxes, logger);
  const record = await sandboxes.create({
    id: "pod",
    config: PodSandboxConfig.fromPartial({}),
    handler: "",
    resolvedHandler: "crun",
    phase: "ready",
    ips: [],
  });
  using usable = new UsableSandboxes({
    stateDir: root.path,
    pauses: { pidNamespace: () => undefined },
    handlers: { handlers: [], defaultName: "crun", explanation: "" },
    sandboxes,
    events: { sandbox: () => assert.fail("it was not recorded") },
    logger,
  });
  await database[Symbol.asyncDispose]();
  for (let look = 0; look < 5; look++) assert.equal(usable.checked(record).phase, "stopping");
  await setImmediate();
  assert.equal(lines.filter((line) => line.includes("is not ready failed; retrying")).length, 1);
});
