import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { until } from "../../../testing/until.ts";
import { capturedIo } from "../testing/captured-io.ts";
import { PodLogs } from "./pod-logs.ts";

test("a log that cannot be read is reported at the end, and does not keep others from being shown", async () => {
  await using dir = await tempDir();
  const io = capturedIo();
  await mkdir(join(dir.path, "broken"));
  await writeFile(join(dir.path, "whole"), "2026-03-01T08:00:00Z stdout F one\n");
  const logs = new PodLogs({ io, pathOf: (_pod, container) => join(dir.path, container) });
  await using _ended = { [Symbol.asyncDispose]: () => logs.end().catch(() => undefined) };
  for (const name of ["broken", "whole"]) {
    const status = { name, containerID: name, state: { running: {} }, lastState: {}, restartCount: 0 };
    const pod = { manifest: { metadata: { name: "web" } }, status: { pod: { containerStatuses: [status] } } };
    logs.update(pod as unknown as Parameters<PodLogs["update"]>[0]);
  }
  await until(() => io.stdout.text() === "web/whole | one\n");
  await assert.rejects(logs.end(), /EISDIR/);
});
