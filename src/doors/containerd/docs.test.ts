import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { createLogger } from "../../ground/logging/index.ts";
import { openDatabase } from "../../ground/metadata/index.ts";
import { TreeRemover } from "../../ground/trees/index.ts";
import { Differ, LayerDiffs } from "../../services/diff/index.ts";
import { ServiceEvents } from "../../services/events/index.ts";
import { Storage } from "../../services/storage/index.ts";
import { TaskStore } from "../../services/tasks/index.ts";
import { projectFiles, readProjectFile, readTests } from "../../testing/docs.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { containerdServices } from "./index.ts";

const page = "docs/containerd-api.md";
const notServed = "not served yet";

/** Every RPC in the words of the protocol: `containerd.services.images.v1.Images/Get`. */
async function protocol(): Promise<readonly string[]> {
  const files = await projectFiles("proto/containerd/services/**/*.proto");
  const rpcs = await Array.fromAsync(files, async (file) => {
    const text = (await readProjectFile(file)).replaceAll(/\/\/.*/g, "");
    const name = /^package ([\w.]+);/m.exec(text)?.[1];
    return [...text.matchAll(/^service (\w+) \{((?:[^{}]|\{[^{}]*\})*)\}/gm)].flatMap(
      ([, service, body = ""]) =>
        [...body.matchAll(/\brpc\s+(\w+)/g)].map(([, rpc]) => `${name}.${service}/${rpc}`),
    );
  });
  return rpcs.flat().sort();
}

/** The rows of the page. */
async function documented() {
  const sections = (await readProjectFile(page)).split(/^## /m).slice(1);
  return sections.flatMap((section) => {
    const [service = "", ...lines] = section.split("\n");
    const rows = lines.filter((line) => line.startsWith("| `"));
    return rows.map((row) => {
      const [, name = "", effect = "", , shownBy = ""] = row.split("|").map((cell) => cell.trim());
      return { rpc: `${service}/${name.replaceAll("`", "")}`, effect, shownBy };
    });
  });
}

/** Every RPC that has a handler. */
async function served(): Promise<readonly string[]> {
  await using root = await tempDir();
  await using database = await openDatabase({ path: join(root.path, "metadata.db") });
  const logger = createLogger({ level: "silent", format: "json" });
  const events = new ServiceEvents();
  await using storage = await Storage.open({ root: root.path, database, logger, events, gcDelayMs: 0 });
  const platform = { os: "linux", architecture: "amd64" };
  await using differ = new Differ(new HostPaths());
  const layerDiffs = await LayerDiffs.open(join(root.path, "diffs"), new HostPaths());
  await using trees = new TreeRemover();
  const handlers = { handlers: [], defaultName: "crun", explanation: "" };
  const runtime = { conmonPath: "", handlers, events, logger };
  const usability = { kind: "unusable", reason: "", remedy: "" } as const;
  const criu = { path: "", version: "", usability };
  const given = { runtime, criu, checkpointDir: join(root.path, "checkpoints") };
  const services = containerdServices({
    storage,
    criNamespace: "k8s.io",
    events,
    tasks: await TaskStore.open({ stateDir: root.path, ...given, hostPaths: new HostPaths(), trees, logger }),
    logger,
    podTasks: () => undefined,
    podSpec: async () => ({}),
    pods: {
      get: () => ({ state: "ready", createdAtNs: 0n, cgroup: undefined, ips: [], handler: "", name: "" }),
      pid: () => undefined,
      spec: async () => ({}),
      inspect: async () => ({}),
      update: async () => undefined,
      stop: async () => undefined,
      remove: async () => undefined,
      ended: async () => 0n,
    },
    podContainer: () => ({ sandboxId: "", imageId: "", logPath: "" }),
    podRuntime: () => ({ binaryName: "", systemdCgroup: false }),
    transfers: () => Promise.reject(new Error("none")),
    activations: () => assert.fail("none"),
    cgroups: { read: async () => [] },
    differ,
    layerDiffs,
    platform,
    version: "1.2.3",
    uuid: "",
  });
  const methods = services.flatMap(({ definition, handlers }) =>
    Object.entries(definition).flatMap(([key, { path }]) =>
      handlers[key] === undefined ? [] : [path.slice(1)],
    ),
  );
  return methods.sort();
}

test(`${page} lists each RPC of each service once, and no others`, async () => {
  const rows = await documented();
  assert.deepEqual(rows.map(({ rpc }) => rpc).sort(), await protocol());
  assert.deepEqual(
    rows.filter(({ effect }) => effect === ""),
    [],
  );
});

test(`${page} marks the RPCs that are not served yet, and names existing tests for all others`, async () => {
  const rows = await documented();
  const said = rows.filter(({ effect }) => effect !== notServed);
  assert.deepEqual(said.map(({ rpc }) => rpc).sort(), await served());
  const testExists = await readTests();
  const without = said.filter(({ shownBy }) => {
    const [, file = "", title = ""] = /^([\w.-]+): (.+)$/.exec(shownBy) ?? [];
    return !testExists(file, title);
  });
  assert.deepEqual(without, []);
});
