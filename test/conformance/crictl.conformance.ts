/** Calls every RPC that berth serves with an unmodified crictl, as people and scripts do. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { access, readFile, readlink, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { eventually } from "../support/condition.ts";
import { withBerth } from "../support/with-berth.ts";

const program = new URL("../../.conformance/crictl", import.meta.url).pathname;

describe("crictl", () => {
  const host = withBerth();

  const options = () => [
    "--runtime-endpoint",
    `unix://${host.berth.socket}`,
    "--image-endpoint",
    `unix://${host.berth.socket}`,
    "--timeout",
    "30s",
  ];

  async function crictl(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(program, [...options(), ...args]);
    return stdout.trim();
  }

  async function file(name: string, content: object): Promise<string> {
    const path = join(host.berth.directory, name);
    await writeFile(path, JSON.stringify(content));
    return path;
  }

  const podFile = (name: string) =>
    file(`${name}-pod.json`, {
      metadata: { name, namespace: "default", uid: name, attempt: 1 },
      log_directory: join(host.berth.logDir, name),
      linux: { security_context: { namespace_options: { pid: 1 } } },
    });

  const containerFile = (name: string, script: string) =>
    file(`${name}.json`, {
      metadata: { name },
      image: { image: host.image },
      command: ["/bin/sh", "-c", script],
      log_path: `${name}.log`,
      linux: {},
    });

  it("asks for version, status and configuration, and sets the pod CIDR", async () => {
    assert.match(await crictl("version"), /RuntimeName:\s+berth/);
    const info = JSON.parse(await crictl("info"));
    const conditions = info.status.conditions
      .filter(({ status }: { status: boolean }) => status)
      .map(({ type }: { type: string }) => type);
    assert.deepEqual(conditions.sort(), ["NetworkReady", "RuntimeReady"]);
    assert.match(await crictl("runtime-config"), /cgroupDriver|CGROUPFS|cgroupfs/i);
    await crictl("update-runtime-config", "--pod-cidr", "10.200.0.0/16");
  });

  it("pulls, lists, inspects and removes images", async () => {
    assert.match(await crictl("pull", host.image), /Image is up to date for sha256:/);
    assert.match(await crictl("images"), /busybox\s+latest/);
    const { status } = JSON.parse(await crictl("inspecti", host.image));
    assert.match(status.id, /^sha256:/);
    assert.match(await crictl("imagefsinfo"), /mountpoint/);
    await crictl("rmi", host.image);
    assert.doesNotMatch(await crictl("images"), /busybox/);
    await crictl("pull", host.image);
  });

  it("takes a pod and its container through their lives", async () => {
    const pod = await podFile("life");
    const podId = await crictl("runp", pod);
    assert.match(await crictl("pods", "--name", "life"), /Ready\s+life/);
    const inspected = JSON.parse(await crictl("inspectp", podId));
    assert.match(inspected.status.network.ip, /^10\./);
    const container = await containerFile("main", "echo hello; exec sleep 1000");
    const id = await crictl("create", podId, container, pod);
    assert.match(await crictl("ps", "-a"), /Created\s+main/);
    await crictl("start", id);
    assert.match(await crictl("ps"), /Running\s+main/);
    assert.equal(JSON.parse(await crictl("inspect", id)).status.state, "CONTAINER_RUNNING");
    assert.equal(await crictl("exec", "--sync", id, "echo", "from inside"), "from inside");
    await eventually("the log has its line", async () => (await crictl("logs", id)) === "hello");
    const { logPath } = JSON.parse(await crictl("inspect", id)).status;
    await rename(logPath, `${logPath}.1`);
    assert.equal(await crictl("logs", "--reopen", id), "");
    await access(logPath);
    await crictl("stop", "--timeout", "0", id);
    assert.match(await crictl("ps", "-a"), /Exited\s+main/);
    await crictl("rm", id);
    await crictl("stopp", podId);
    assert.match(await crictl("pods", "--name", "life"), /NotReady\s+life/);
    await crictl("rmp", podId);
    assert.doesNotMatch(await crictl("pods"), /life/);
  });

  it("shows scripts what they look for", async () => {
    const pod = await podFile("scripts");
    const id = await crictl("run", await containerFile("main", "exec sleep 1000"), pod);
    const podId = await crictl("pods", "--name", "scripts", "-q");
    const template = (command: string, text: string, object: string) =>
      crictl(command, "--output", "go-template", "--template", text, object);
    assert.equal(await template("inspect", "{{.status.id}}", id), id);
    assert.equal(await template("inspect", "{{.status.state}}", id), "CONTAINER_RUNNING");
    assert.equal(await template("inspect", "{{.info.sandboxID}}", id), podId);
    assert.equal(
      await template("inspect", "{{.info.config.log_path}} {{.info.config.metadata.name}}", id),
      "main.log main",
    );
    assert.equal(await template("inspect", "{{index .info.runtimeSpec.process.args 0}}", id), "/bin/sh");
    const pid = await template("inspect", "{{.info.pid}}", id);
    assert.match(await readFile(`/proc/${pid}/cmdline`, "utf8"), /^sleep\0/);
    const { info } = JSON.parse(await crictl("inspectp", podId));
    const network = info.runtimeSpec.linux.namespaces.find(
      ({ type }: { type: string }) => type === "network",
    );
    assert.equal(`net:[${(await stat(network.path)).ino}]`, await readlink(`/proc/${info.pid}/ns/net`));
    assert.equal(JSON.parse(await crictl("info")).lastCNILoadStatus, "OK");
    assert.deepEqual(JSON.parse(await crictl("inspecti", host.image)).info.imageSpec.config.Cmd, ["/bin/sh"]);
    await crictl("rmp", "--force", podId);
  });

  it("runs a pod and its container with one command", async () => {
    const id = await crictl("run", await containerFile("quick", "exec sleep 1000"), await podFile("one-go"));
    assert.match(await crictl("ps", "--id", id), /Running\s+quick/);
    const [podId] = (await crictl("pods", "--name", "one-go", "-q")).split("\n");
    await crictl("rmp", "--force", podId ?? "");
  });

  it("shows statistics and metrics of containers and pods", async () => {
    const pod = await podFile("usage");
    const id = await crictl("run", await containerFile("main", "exec sleep 1000"), pod);
    const podId = await crictl("pods", "--name", "usage", "-q");
    assert.match(await crictl("stats", "--id", id), /CPU %.*MEM.*DISK.*INODES[\s\S]*\bmain\b/);
    const { stats } = JSON.parse(await crictl("stats", "--id", id, "--output", "json"));
    assert.deepEqual([stats.length, stats[0].attributes.id], [1, id]);
    assert.ok(Number(stats[0].memory.workingSetBytes.value) > 0);
    assert.match(await crictl("statsp", "--id", podId), /POD ID.*CPU %.*MEM[\s\S]*\busage\b/);
    const pods = JSON.parse(await crictl("statsp", "--id", podId, "--output", "json")).stats;
    assert.equal(pods[0].linux.network.defaultInterface.name, "eth0");
    const { descriptors } = JSON.parse(await crictl("metricdescs"));
    const { podMetrics } = JSON.parse(await crictl("metricsp"));
    const ours = podMetrics.find(({ podSandboxId }: { podSandboxId: string }) => podSandboxId === podId);
    const names = ours.containerMetrics[0].metrics.map(({ name }: { name: string }) => name);
    assert.ok(names.includes("container_memory_working_set_bytes"));
    const known = descriptors.map(({ name }: { name: string }) => name);
    assert.ok(names.every((name: string) => known.includes(name)));
    await crictl("rmp", "--force", podId);
  });

  it("follows the events of containers", async () => {
    const events = spawn(program, [...options(), "events"], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const seen: string[] = [];
      createInterface({ input: events.stdout }).on("line", (line) => seen.push(line));
      const podId = await eventually("an event was seen", async () => {
        const id = await crictl("runp", await podFile(`events-${seen.length}-${Date.now()}`));
        if (seen.some((line) => line.includes("CONTAINER_STARTED_EVENT"))) return id;
        await crictl("rmp", "--force", id);
        return undefined;
      });
      await crictl("rmp", "--force", podId);
      await eventually("the removal was seen", async () =>
        seen.some((line) => line.includes("CONTAINER_DELETED_EVENT")),
      );
    } finally {
      events.kill();
    }
  });
});
