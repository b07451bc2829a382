import assert from "node:assert/strict";
import { test } from "node:test";
import { messageOf } from "../../../ground/errors/index.ts";
import { createLogger } from "../../../ground/logging/index.ts";
import { ContainerConfig, PodSandboxConfig } from "../../../ground/protocol/index.ts";
import { CdiError, type ContainerEdits } from "../../../parts/cdi/index.ts";
import { parseDigest } from "../../../parts/oci/index.ts";
import type { ContainerRecord, SandboxRecord } from "../records/records.ts";
import type { Extension } from "./extension.ts";
import { Extensions } from "./extensions.ts";

const [podId, containerId] = ["aa".repeat(32), "bb".repeat(32)];
const container: ContainerRecord = {
  id: containerId,
  sandboxId: podId,
  config: ContainerConfig.fromPartial({ metadata: { name: "main" } }),
  imageId: parseDigest(`sha256:${"cc".repeat(32)}`),
  imageRef: "",
  imageName: "",
  runtime: "crun",
  createdAtNs: 1n,
  phase: { kind: "creating" },
  logPath: "",
  user: { uid: 0, gid: 0, supplementalGroups: [] },
  stopSignal: 15,
};
const sandbox: SandboxRecord = {
  id: podId,
  config: PodSandboxConfig.fromPartial({}),
  handler: "",
  resolvedHandler: "crun",
  createdAtNs: 1n,
  phase: "ready",
  ips: [],
};
const subject = { container, sandbox };

function edits(...env: readonly string[]): ContainerEdits {
  const nothing = { deviceNodes: [], netDevices: [], mounts: [], hooks: [], additionalGids: [] };
  return { ...nothing, env, intelRdt: undefined };
}

function extensions(...all: readonly Extension[]) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  return { lines, all: new Extensions(all, createLogger({ level: "debug", format: "json", destination })) };
}

/** Answers with its name as a variable, and writes down each call. */
function named(name: string, order: number, calls: string[]): Extension {
  return {
    name,
    order,
    createContainer: async ({ container: { id } }) => {
      calls.push(`create ${name} ${id === containerId}`);
      return [edits(`FROM=${name}`)];
    },
    removeContainer: async () => void calls.push(`remove ${name}`),
  };
}

test("extensions are called one after the other by their order, and the other way round at removal", async () => {
  const calls: string[] = [];
  const { all } = extensions(named("late", 9, calls), named("b", 1, calls), named("a", 1, calls));
  const adjustments = await all.createContainer(subject);
  await all.removeContainer(container);
  assert.deepEqual(
    adjustments.map(({ extension, edits: [first] }) => [extension, first?.env]),
    [
      ["a", ["FROM=a"]],
      ["b", ["FROM=b"]],
      ["late", ["FROM=late"]],
    ],
  );
  const creates = ["create a true", "create b true", "create late true"];
  assert.deepEqual(calls, [...creates, "remove late", "remove b", "remove a"]);
  assert.deepEqual(all.describe()[0], {
    name: "a",
    order: 1,
    points: ["createContainer", "removeContainer"],
  });
});

test("an extension that has no function for a point, or changes nothing, leaves nothing in the record", async () => {
  const { all, lines } = extensions(
    { name: "silent", order: 0 },
    { name: "content", order: 0, createContainer: async () => [] },
  );
  assert.deepEqual(await all.createContainer(subject), []);
  await all.removeContainer(container);
  const logged = lines.map((line) => JSON.parse(line));
  assert.deepEqual(
    logged.map(({ extension, point, container: id, ms }) => [extension, point, id, typeof ms]),
    [["content", "createContainer", containerId, "number"]],
  );
});

test("a failure has the code of its cause, names the extension and the point, and those after it are not called", async () => {
  const calls: string[] = [];
  const failing: Extension = {
    name: "failing",
    order: 1,
    createContainer: () => Promise.reject(new CdiError("FailedPrecondition", "no such device")),
  };
  const { all } = extensions(named("first", 0, calls), failing, named("last", 2, calls));
  await assert.rejects(all.createContainer(subject), {
    name: "EngineError",
    code: "FailedPrecondition",
    message: "extension failing failed at createContainer",
  });
  const error = await all.createContainer(subject).catch((error: unknown) => error);
  assert.equal(messageOf(error), "extension failing failed at createContainer: no such device");
  assert.deepEqual(calls, ["create first true", "create first true"]);
});

test("two extensions of one name are refused", () => {
  const twice = { name: "twice", order: 0 };
  assert.throws(() => extensions(twice, { ...twice, order: 1 }), {
    code: "AlreadyExists",
    message: /"twice"/,
  });
});
