import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ContainerState, UpdateContainerResourcesRequest } from "../src/ground/protocol/index.ts";
import { eventually } from "./support/condition.ts";
import { processesOf, readCgroup } from "./support/container-cgroup.ts";
import { handlerProgram, testHandler } from "./support/handler.ts";
import { containerStatus, execSync, TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";
import { verboseInfo } from "./support/verbose.ts";
import { withBerth } from "./support/with-berth.ts";

const sleeping = "exec sleep 1000";
/** runc 1.1 sets limits while its own Go runtime may still be raising the soft one to the hard one. */
const softNofile = testHandler === "runc" ? "(2000|3000)" : "2000";

describe("limits of the configuration", () => {
  const host = withBerth({
    config: `
[container]
default_ulimits = ["nofile=2000:3000", "core=0", "stack=4194304:unlimited", "memlock=65536"]
pids_limit = 77
`,
  });

  it("apply to every container, for its first process and for commands", async () => {
    const pod = await TestPod.run(host.berth, "limits");
    const id = await pod.shell("main", host.image, `ulimit -n; ulimit -Hn; ${sleeping}`);
    await eventually("it has told its limits", async () => (await pod.log("main")).length === 2);
    assert.match((await pod.log("main")).join(), new RegExp(`^stdout F ${softNofile},stdout F 3000$`));
    const limits = await execSync(host.berth, id, "cat", "/proc/self/limits");
    assert.match(limits, new RegExp(`^Max open files +${softNofile} +3000 `, "m"));
    assert.match(limits, /^Max core file size +0 +0 /m);
    assert.match(limits, /^Max stack size +4194304 +unlimited /m);
    assert.match(limits, /^Max locked memory +65536 +65536 /m);
    assert.equal(await readCgroup(host.berth, id, "pids", "pids.max"), "77");
    const update = { containerId: id, linux: { cpuShares: 200n } };
    await host.berth.clients.runtime.updateContainerResources(
      UpdateContainerResourcesRequest.fromPartial(update),
    );
    assert.equal(await readCgroup(host.berth, id, "pids", "pids.max"), "77");
    assert.match(
      await execSync(host.berth, id, "cat", "/proc/self/limits"),
      /^Max stack size .* unlimited /m,
    );
  });
});

describe("OCI hooks", () => {
  let directory = "";
  let hooksDir = "";
  let trace = "";
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "berth-test-hooks-"));
    hooksDir = join(directory, "hooks.d");
    trace = join(directory, "trace");
    await mkdir(hooksDir);
  });
  /** The directory is created with the suite, before its daemon starts. */
  const options = {
    get config() {
      return `[container]\nhooks_dirs = [${JSON.stringify(hooksDir)}]\n`;
    },
  };
  const host = withBerth(options);
  // After the end of the daemon, which runs hooks.
  after(() => rm(directory, { recursive: true, force: true }));

  /** A hook that writes its arguments, and the id that the OCI runtime passes to it, into the trace. */
  async function addHook(name: string, definition: object): Promise<void> {
    const program = join(directory, "hook.sh");
    await writeFile(
      program,
      `#!/bin/sh\nid=$(tr -d '\\n' | sed 's/.*"id" *: *"\\([0-9a-f]*\\)".*/\\1/')\necho "$@" "$id" >> ${trace}\n`,
    );
    await chmod(program, 0o755);
    await writeFile(
      join(hooksDir, name),
      JSON.stringify({ version: "1.0.0", hook: { path: program, args: ["hook", name] }, ...definition }),
    );
  }

  async function traced(): Promise<readonly string[]> {
    const text = await readFile(trace, "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }

  it("run at their stages for the containers that they apply to", async () => {
    await addHook("10-all.json", { when: { always: true }, stages: ["createRuntime", "poststop"] });
    await addHook("20-some.json", {
      when: { annotations: { "^example\\.org/hook$": "^yes$" } },
      stages: ["prestart"],
    });
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "hooks");
    const plain = await pod.shell("plain", host.image, sleeping);
    const chosen = await pod.shell("chosen", host.image, sleeping, {
      annotations: { "example.org/hook": "yes" },
    });
    const lines = await traced();
    assert.ok(lines.includes(`10-all.json ${plain}`), lines.join("; "));
    assert.ok(lines.includes(`20-some.json ${chosen}`), lines.join("; "));
    assert.ok(!lines.includes(`20-some.json ${plain}`), lines.join("; "));
    const { runtimeSpec } = await verboseInfo(host.berth, chosen);
    assert.deepEqual(runtimeSpec.annotations["io.berth.hooks"].split(","), [
      join(hooksDir, "10-all.json"),
      join(hooksDir, "20-some.json"),
    ]);
    assert.deepEqual(Object.keys(runtimeSpec.hooks), ["prestart", "createRuntime", "poststop"]);
    await runtime.removeContainer({ containerId: plain });
    assert.equal((await traced()).filter((line) => line === `10-all.json ${plain}`).length, 2);
  });

  it("that are unusable are named in the status, and prevent the containers that they may apply to, but no others", async () => {
    const { runtime } = host.berth.clients;
    const unusable = async () => {
      const { info } = await runtime.status({ verbose: true });
      return JSON.parse(info.unusableFiles ?? "[]");
    };
    const file = join(hooksDir, "30-bad.json");
    const when = { annotations: { "^example\\.org/bad$": "^yes$" } };
    await writeFile(
      file,
      JSON.stringify({ version: "1.0.0", hook: { path: "bad" }, stages: ["prestart"], when }),
    );
    const pod = await TestPod.run(host.berth, "bad-hook");
    await pod.shell("other", host.image, sleeping);
    assert.deepEqual(await unusable(), [
      { reader: "OCI hooks", path: file, problem: "hook.path must be an absolute path" },
    ]);
    const config = shellConfig("main", host.image, sleeping, { annotations: { "example.org/bad": "yes" } });
    await assert.rejects(
      pod.create(config),
      /FAILED_PRECONDITION: OCI hook .*30-bad\.json is invalid and applies to this container: hook\.path must be/,
    );
    await writeFile(file, "{");
    await assert.rejects(pod.create(config), /30-bad\.json is invalid and may apply to this container: /);
    await rm(file);
    await pod.create(config);
    assert.deepEqual(await unusable(), []);
  });

  it("of version 0.1.0 run for the containers that they apply to", async () => {
    const hook = join(directory, "old.sh");
    await writeFile(hook, `#!/bin/sh\ncat > /dev/null\necho "$@" >> ${trace}\n`);
    await chmod(hook, 0o755);
    const old = { hook, arguments: ["old"], stages: ["prestart"], annotations: ["^old-hook$"] };
    await writeFile(join(hooksDir, "40-old.json"), JSON.stringify(old));
    const pod = await TestPod.run(host.berth, "old-version");
    await pod.shell("plain", host.image, sleeping);
    assert.ok(!(await traced()).includes("old"));
    await pod.shell("chosen", host.image, sleeping, { annotations: { any: "old-hook" } });
    assert.ok((await traced()).includes("old"));
  });

  it("that fail after the start end the container with their output, if the OCI runtime reports it", async () => {
    const hook = join(directory, "failing.sh");
    await writeFile(hook, "#!/bin/sh\ncat > /dev/null\nexit 3\n");
    await chmod(hook, 0o755);
    await addHook("60-failing.json", {
      hook: { path: hook },
      when: { annotations: { "^example\\.org/failing$": "^yes$" } },
      stages: ["poststart"],
    });
    const { runtime } = host.berth.clients;
    const pod = await TestPod.run(host.berth, "failing-hook");
    const annotations = { "example.org/failing": "yes" };
    const containerId = await pod.create(shellConfig("main", host.image, sleeping, { annotations }));
    const failure = await runtime.startContainer({ containerId }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    const { state, reason } = await containerStatus(host.berth, containerId);
    if (failure === undefined) {
      // crun before 1.28 follows the specification of that time; runc runs these hooks during `create`, and
      // never continues.
      assert.equal(testHandler, "crun");
      assert.equal(state, ContainerState.CONTAINER_RUNNING);
      assert.equal(await execSync(host.berth, containerId, "echo", "runs"), "runs\n");
    } else {
      assert.match(failure, testHandler === "crun" ? /INTERNAL: .*hook/ : /INTERNAL: .*hook.*exit status 3/);
      assert.deepEqual([state, reason], [ContainerState.CONTAINER_EXITED, "StartError"]);
      assert.deepEqual(await processesOf(containerId), []);
    }
    await pod.shell("next", host.image, sleeping);
    await runtime.removeContainer({ containerId });
  });

  it("match a pod's annotations without blocking the daemon", async () => {
    // With a backtracking pattern, this would take minutes, and nobody else would get an answer.
    await addHook("50-long.json", {
      when: { annotations: { "^example\\.org/long$": ".*fluid-dynamics$" } },
      stages: ["prestart"],
    });
    const pod = await TestPod.run(host.berth, "long-annotation");
    const annotations = { "example.org/long": "a".repeat(250 * 1024) };
    await pod.shell("main", host.image, sleeping, { annotations });
    assert.ok(!(await traced()).some((line) => line.startsWith("50-long")));
  });
});

describe("annotations", () => {
  const host = withBerth({
    config: `
[runtime.handlers.passing]
path = ${JSON.stringify(handlerProgram(testHandler))}
pod_annotations = ["dev.example.*", "io.kubernetes.cri.*"]
container_annotations = ["own.example/*"]
allowed_annotations = ["io.example.sand"]
`,
  });

  it("of pod and container reach the OCI runtime if its handler says so, and never replace berth's own", async () => {
    const given = {
      "dev.example.level": "high",
      "dev.example/level": "not the pattern's: its star takes no slash",
      "own.example/a": "the container's",
      "io.example.sandbox": "by its beginning",
      "io.kubernetes.cri.container-type": "sandbox",
    };
    const specOf = async (handler: string) => {
      const pod = await TestPod.run(host.berth, `annotated-${handler}`, { annotations: given }, handler);
      const id = await pod.shell("main", host.image, sleeping, { annotations: given });
      return (await verboseInfo(host.berth, id)).runtimeSpec.annotations;
    };
    const passed = await specOf("passing");
    assert.deepEqual(
      Object.keys(given).map((name) => passed[name]),
      ["high", undefined, "the container's", "by its beginning", "container"],
    );
    const usual = await specOf("");
    assert.deepEqual(
      Object.keys(given).map((name) => usual[name]),
      [undefined, undefined, undefined, undefined, "container"],
    );
  });
});
