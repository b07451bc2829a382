import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import type { Container } from "../manifests/index.ts";
import { terminationLog } from "../podspec/index.ts";
import { terminationMessage } from "./termination-message.ts";

type Words = {
  readonly file?: string;
  readonly log?: string;
  readonly ofRuntime?: string;
  readonly exitCode?: number;
  readonly container?: Partial<Container>;
  readonly others?: number;
};

async function messageOf({ file, log, ofRuntime = "", exitCode = 1, container = {}, others = 0 }: Words) {
  await using directory = await tempDir();
  const containers = Array.from({ length: 1 + others }, (_, index) => ({
    name: `c${index}`,
    image: "busybox",
    ...container,
  }));
  const [first] = containers;
  if (first === undefined) throw new Error("it has a container");
  const metadata = { name: "web", namespace: "shop", uid: "uid", labels: {}, annotations: {} };
  const pod = { metadata, spec: { containers }, startTimeNs: 0n };
  const context = { podsDir: join(directory.path, "pods") };
  const logPath = join(directory.path, "0.log");
  if (log !== undefined) await writeFile(logPath, log);
  if (file !== undefined) {
    const path = terminationLog(context, pod, first.name, 0);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, file);
  }
  return await terminationMessage(first, { attempt: 0, exitCode, logPath, message: ofRuntime }, pod, context);
}

const fallback: Partial<Container> = { terminationMessagePolicy: "FallbackToLogsOnError" };
const log = "2026-11-30T10:00:00Z stdout F words\n";

describe("a container's termination message", () => {
  it("is the end of its file, after the runtime's message", async () => {
    assert.equal(await messageOf({ file: `first${"x".repeat(4092)}last` }), `${"x".repeat(4092)}last`);
    assert.equal(await messageOf({ file: "bye", ofRuntime: "killed" }), "killed: bye");
    assert.equal(await messageOf({ ofRuntime: "killed" }), "killed");
    assert.equal(await messageOf({}), "");
  });

  it("is the end of its log only if that is requested, it has failed, and its file is empty", async () => {
    assert.equal(await messageOf({ log, container: fallback }), "words\n");
    assert.equal(
      await messageOf({ log, file: "", ofRuntime: "killed", container: fallback }),
      "killed: words\n",
    );
    assert.equal(await messageOf({ log, file: "bye", container: fallback }), "bye");
    assert.equal(await messageOf({ log, exitCode: 0, container: fallback }), "");
    assert.equal(await messageOf({ log }), "");
  });

  it("is shorter if a pod has many containers, which share 12 KiB", async () => {
    assert.equal((await messageOf({ file: "x".repeat(4096), others: 2 })).length, 4096);
    assert.equal((await messageOf({ file: "x".repeat(4096), others: 11 })).length, 1024);
  });
});
