/** What `berth run` creates: its owner, its parts, and its end. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  type ContainerEventResponse,
  ListContainersRequest,
  ListPodSandboxRequest,
  ListPodSandboxStatsRequest,
  RemoveImageRequest,
} from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { cli, cliOutput, startCli } from "./support/cli.ts";
import { eventually } from "./support/condition.ts";
import { TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const sleeping = ["sh", "-c", "trap 'exit 0' TERM; echo up; while true; do sleep 0.1; done"];

describe("a pod of berth run", () => {
  const host = withBerth({ config: "[container]\nrun_log_limit_mib = 1" });
  const output = (...argv: readonly string[]) => cliOutput(host.berth, ...argv);
  const outcome = (...argv: readonly string[]) => cli(host.berth, ...argv);
  const run = (...argv: readonly string[]) => ["run", "--log-dir", host.berth.logDir, ...argv];
  const podsNamed = async (name: string, ...more: readonly string[]) =>
    (await output("pods", "-q", "--label", `io.kubernetes.pod.name=${name}`, ...more))
      .split("\n")
      .filter((id) => id !== "");
  const gone = (name: string) =>
    eventually(`pod ${name} is gone`, async () => (await podsNamed(name)).length === 0);
  const logFiles = async (name: string) =>
    (await readdir(host.berth.logDir, { recursive: true })).filter((path) => path.includes(`_${name}_`));

  it("is not shown to a kubelet in lists, figures and events, unless it asks for the id or the label", async () => {
    const { runtime, rawRuntime } = host.berth.clients;
    const events: ContainerEventResponse[] = [];
    const stream = rawRuntime.getContainerEvents({});
    stream.on("error", () => {}).on("data", (event) => events.push(event));
    const id = await output(...run("-d", "--name", "hidden", host.image, ...sleeping));
    const [pod = ""] = await podsNamed("hidden");
    const listed = async (filter: object) => {
      const pods = await runtime.listPodSandbox(ListPodSandboxRequest.fromPartial({ filter }));
      const containers = await runtime.listContainers(ListContainersRequest.fromPartial({ filter }));
      return [...pods.items, ...containers.containers].map((one) => one.id).toSorted();
    };
    assert.deepEqual(await listed({}), []);
    assert.deepEqual(await listed({ labelSelector: { "io.kubernetes.pod.name": "hidden" } }), []);
    assert.deepEqual(await listed({ labelSelector: { "io.berth.owner": "cli" } }), [id, pod].toSorted());
    assert.deepEqual(await listed({ id: pod }), [pod]);
    assert.deepEqual(await listed({ id }), [id]);
    const { stats } = await runtime.listPodSandboxStats(ListPodSandboxStatsRequest.fromPartial({}));
    const { podMetrics } = await runtime.listPodSandboxMetrics({});
    assert.deepEqual([stats, podMetrics], [[], []]);
    const { status } = await runtime.containerStatus({ containerId: id, verbose: false });
    assert.equal(status?.labels["io.berth.owner"], "cli");
    assert.equal(await output("ps", "-q"), id);
    await output("rm", "-f", "hidden");
    assert.deepEqual(events, []);
    stream.cancel();
    const { id: podSandboxId } = await TestPod.run(host.berth, "kubelets");
    await output(...run("-d", "--pod", "kubelets", host.image, ...sleeping));
    assert.deepEqual(await listed({ podSandboxId }), [podSandboxId]);
    const ofPod = await runtime.podSandboxStats({ podSandboxId });
    assert.deepEqual(ofPod.stats?.linux?.containers, []);
    const { containersStatuses } = await runtime.podSandboxStatus({ podSandboxId, verbose: false });
    assert.deepEqual(containersStatuses, []);
    await output("rm", "-f", "kubelets");
  });

  it("protects its image from a kubelet that removes images that it considers unused", async () => {
    const { images } = host.berth.clients;
    await output(...run("-d", "--name", "user", host.image, ...sleeping));
    const pinned = async () => (await images.listImages({ filter: undefined })).images[0]?.pinned;
    assert.equal(await pinned(), true);
    await assert.rejects(
      images.removeImage(RemoveImageRequest.fromPartial({ image: { image: host.image } })),
      {
        details: /in use by container user \(.*\); remove the container first$/,
      },
    );
    await output("rm", "-f", "user");
    assert.equal(await pinned(), false);
  });

  it("has the id that run -d prints: logs, exec, stop and rm accept that, and leave no pod, port or log", async () => {
    const id = await output(...run("-d", "--name", "whole", "-p", "18080:80", host.image, ...sleeping));
    await eventually("it writes", async () => (await output("logs", id)) === "up");
    assert.equal(await output("exec", id, "echo", "hi"), "hi");
    await output("stop", id);
    assert.deepEqual(await podsNamed("whole", "--state", "ready"), []);
    await output("rm", id);
    assert.deepEqual([await podsNamed("whole"), await logFiles("whole")], [[], []]);
    const again = await output(...run("-d", "--name", "whole", "-p", "18080:80", host.image, ...sleeping));
    await output("rm", "-f", again);
  });

  it("frees its network when its container exits by itself", async () => {
    await output(...run("-d", "--name", "short", "-p", "18081:80", host.image, "true"));
    await eventually(
      "it is not ready",
      async () => (await podsNamed("short", "--state", "notready")).length === 1,
    );
    // The pod is not ready from the moment when the removal of its network begins.
    const another = async () => (await outcome(...run("--rm", "-p", "18081:80", host.image, "true"))).status;
    await eventually("its port is free", async () => (await another()) === 0);
    await output("rm", "short");
  });

  it("rejects a name that is taken, and says by what", async () => {
    await output(...run("-d", "--name", "taken", host.image, ...sleeping));
    const [pod = ""] = await podsNamed("taken");
    const second = await outcome(...run("-d", "--name", "taken", host.image, ...sleeping));
    assert.equal(second.status, 125);
    assert.match(
      second.stderr,
      new RegExp(`the name default/taken is already used by pod ${pod.slice(0, 12)}`),
    );
    const both = ["one", "two"].map(() => outcome(...run("-d", "--name", "race", host.image, ...sleeping)));
    const statuses = (await Promise.all(both)).map(({ status }) => status);
    assert.deepEqual(statuses.toSorted(), [0, 125]);
    await output("rm", "-f", "taken", "race");
  });

  it("rejects a port that a pod or a program uses, before anything is created", async () => {
    await output(...run("-d", "--name", "holder", "-p", "127.0.0.1:18082:80", host.image, ...sleeping));
    const refused = async (...ports: readonly string[]) => {
      const argv = ports.flatMap((port) => ["-p", port]);
      const { status, stderr } = await outcome(...run("-d", "--name", "late", ...argv, host.image, "true"));
      assert.deepEqual([status, await podsNamed("late")], [125, []]);
      return stderr;
    };
    assert.match(
      await refused("18082:80"),
      /port 18082\/tcp of this machine is already used by pod default\/holder/,
    );
    assert.match(await refused("18083:80", "18083:81"), /port 18083\/tcp of this machine is requested twice/);
    assert.match(await refused("192.0.2.77:18083:80"), /192\.0\.2\.77 is not an address of this machine/);
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { readonly port: number };
    assert.match(
      await refused(`${port}:80`),
      new RegExp(`port ${port}/tcp of this machine is already used by another program`),
    );
    await output(...run("--rm", "-p", `${port}:80/udp`, "-p", "127.0.0.2:18082:80", host.image, "true"));
    server.close();
    await output("rm", "-f", "holder");
  });

  it("is removed with --rm when its container exits, even in the background, without its client, and after a restart of the daemon", async () => {
    await output(...run("-d", "--rm", "--name", "alone", host.image, "sleep", "0.5"));
    await gone("alone");
    const left = startCli(host.berth, run("--rm", "--name", "left", host.image, "sleep", "5"));
    await eventually("it runs", async () => (await outcome("exec", "left", "true")).status === 0);
    left.child.kill("SIGKILL");
    await left.outcome;
    await gone("left");
    await output(...run("-d", "--rm", "--name", "cut", host.image, "sleep", "0.5"));
    await host.berth.restartDaemon("SIGKILL");
    await gone("cut");
    assert.deepEqual([await logFiles("alone"), await logFiles("left"), await logFiles("cut")], [[], [], []]);
  });

  it("is followed by logs -f to its end, although the daemon is away for a while", async () => {
    const script = "echo one; until [ -e /go ]; do sleep 0.1; done; echo two";
    await output(...run("-d", "--name", "heard", host.image, "sh", "-c", script));
    const followed = startCli(host.berth, ["logs", "-f", "heard"]);
    await once(followed.child.stdout, "data");
    await host.berth.stopDaemon("SIGKILL");
    const [told] = await once(followed.child.stderr, "data");
    await host.berth.startDaemon();
    assert.match(`${told}`, /lost the connection to the runtime; container [0-9a-f]+ keeps running; waiting/);
    await output("exec", "heard", "touch", "/go");
    const { status, stdout } = await followed.outcome;
    assert.deepEqual([status, stdout], [0, "one\ntwo\n"]);
    await output("rm", "-f", "heard");
  });

  it("ends when nobody reads its output", async () => {
    const { child, outcome: reading } = startCli(
      host.berth,
      run("--rm", "--name", "pipe", host.image, "yes"),
    );
    const first = await Promise.race([
      once(child.stdout, "data").then(([chunk]) => String(chunk)),
      reading.then(({ stderr }) => stderr),
    ]);
    assert.match(first, /^y\n/);
    child.stdout.destroy();
    await once(child, "exit");
    await gone("pipe");
  });

  it("keeps a log of limited size, of which a following client loses nothing", async () => {
    const script =
      "i=0; while [ $i -lt 60000 ]; do echo line $i of a log that grows beyond its limit quickly; i=$((i+1)); done";
    const wanted = Array.from(
      { length: 60_000 },
      (_, i) => `line ${i} of a log that grows beyond its limit quickly`,
    );
    const followed = startCli(
      host.berth,
      run("--name", "chatty", host.image, "sh", "-c", `${script}; sleep 5`),
    );
    const { stdout, stderr } = await followed.outcome;
    assert.equal(stderr, "");
    assert.ok(stdout === `${wanted.join("\n")}\n`, "every line is there once");
    await output("rm", "chatty");
    const endless = "while true; do echo a line of a log that grows without end; done";
    await output(...run("-d", "--name", "endless", host.image, "sh", "-c", endless));
    const sizes = async () => {
      const files = (await logFiles("endless")).filter((path) => path.includes("0.log"));
      return Promise.all(
        files.map(
          async (path) => (await stat(join(host.berth.logDir, path)).catch(() => undefined))?.size ?? 0,
        ),
      );
    };
    await eventually("it was put aside", async () => (await sizes()).length === 2);
    const putAside = async () => {
      const [old] = (await logFiles("endless")).filter((path) => path.endsWith("0.log.1"));
      return old && (await stat(join(host.berth.logDir, old)).catch(() => undefined))?.ino;
    };
    const before = await putAside();
    await eventually("the next one has taken its place", async () => {
      const now = await putAside();
      return now !== undefined && now !== before;
    });
    await eventually("no others are kept", async () => (await sizes()).length === 2);
    // The new file is empty for a moment.
    await eventually(
      "it has a last line",
      async () => (await output("logs", "--tail", "1", "endless")) !== "",
    );
    await output("rm", "-f", "endless");
    assert.deepEqual(await logFiles("endless"), []);
  });

  it("can be followed across a restart of the daemon, to its last output and its exit status", async () => {
    const script = "echo before; while [ ! -e /tmp/go ]; do sleep 0.1; done; echo after; exit 7";
    const following = startCli(host.berth, run("--rm", "--name", "on", host.image, "sh", "-c", script));
    // By then, the call that starts it has been answered.
    await Promise.race([once(following.child.stdout, "data"), following.outcome]);
    await host.berth.restartDaemon("SIGKILL");
    await output("exec", "on", "touch", "/tmp/go");
    const { status, stdout, stderr } = await following.outcome;
    assert.deepEqual([status, stdout], [7, "before\nafter\n"]);
    assert.match(
      stderr,
      /^(berth: lost the connection to the runtime; container [0-9a-f]{12} keeps running.*\n)?$/,
    );
    await gone("on");
  });

  it("exits with 127 if the program does not exist in the image, with 126 if it is not a program, and leaves nothing", async () => {
    for (const [program, status] of [
      ["/no/such", 127],
      ["no-such", 127],
      ["/etc/passwd", 126],
      ["/etc", 126],
    ] as const) {
      const { status: seen, stderr } = await outcome(...run("--name", "unfit", host.image, program));
      assert.equal(seen, status, stderr);
      assert.match(stderr, /^berth: .*\bcreate\b/);
      assert.deepEqual(await podsNamed("unfit"), []);
    }
    const detached = await outcome(...run("-d", "--name", "unfit", host.image, "/no/such"));
    assert.equal(detached.status, 127);
    const misplaced = await outcome(
      ...run("--workdir", "/etc/passwd", "--name", "unfit", host.image, "true"),
    );
    assert.equal(misplaced.status, 125, misplaced.stderr);
    assert.deepEqual(await podsNamed("unfit"), []);
  });

  it("has the default seccomp filter unless told otherwise", async () => {
    const mode = async (...options: readonly string[]) =>
      /Seccomp:\s+(\d)/.exec(
        await output(...run("--rm", ...options, host.image, "cat", "/proc/self/status")),
      )?.[1];
    assert.equal(await mode(), "2");
    assert.equal(await mode("--security-opt", "seccomp=unconfined"), "0");
    const file = join(host.berth.directory, "profile.json");
    const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }];
    await writeFile(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls }));
    const made = await outcome(
      ...run("--rm", "--security-opt", `seccomp=${file}`, host.image, "mkdir", "/x"),
    );
    assert.match(made.stderr, /not permitted/);
  });

  it("has the capabilities that its options leave, and no more files to write than they say", async () => {
    const script = "grep CapEff /proc/self/status; touch /file";
    const { stdout, stderr, status } = await outcome(
      ...run("--rm", "--cap-drop", "ALL", "--cap-add", "CAP_CHOWN", "--read-only", host.image),
      ...["sh", "-c", script],
    );
    assert.match(stdout, /^CapEff:\s0{15}1$/m);
    assert.match(stderr, /Read-only file system/);
    assert.equal(status, 1);
    const kernelLog = ["ls", "/dev/kmsg"];
    assert.equal((await outcome(...run("--rm", host.image), ...kernelLog)).status, 1);
    assert.equal(await output(...run("--rm", "--privileged", host.image), ...kernelLog), "/dev/kmsg");
  });

  it("keeps an image's other names if one is removed, and the image while it is used", async () => {
    const second = `${host.registry.host}/other:v1`;
    await pushImage(host.registry, "other", "v1", await busyboxImage());
    await output("pull", "-q", second);
    await output(...run("-d", "--name", "uses", host.image, ...sleeping));
    const [id = ""] = (await output("images", "-q", "--no-trunc")).split("\n");
    assert.match(
      (await outcome("rmi", id)).stderr,
      /several tags: .*busybox:latest, .*other:v1; remove it by tag/,
    );
    await output("rmi", second);
    assert.match(await output("images"), /busybox +latest/);
    assert.doesNotMatch(await output("images"), /other/);
    const refused = await outcome("rmi", host.image);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /is in use by container uses \([0-9a-f]+\)/);
    await output("rmi", "--force", host.image);
    assert.equal(await output("exec", "uses", "echo", "goes on"), "goes on");
    await output("rm", "-f", "uses");
  });
});
