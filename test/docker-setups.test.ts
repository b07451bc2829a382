import assert from "node:assert/strict";
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ContainerState, LinuxContainerResources, PodSandboxState } from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { processesOf } from "./support/container-cgroup.ts";
import { DockerRequests } from "./support/docker-requests.ts";
import { GatePlugin } from "./support/gate-plugin.ts";
import { containerStatus, execSync, exited, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { selfSigned } from "./support/self-signed.ts";
import { exec, outputOf } from "./support/streams.ts";
import { verboseInfo } from "./support/verbose.ts";

/** Docker Engines with other configurations than the tests' usual one. */
describe("the Docker engine", () => {
  it("gives pods Docker's own bridge, their DNS and host ports included, if requested", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({
      engine: "docker",
      network: undefined,
      docker: { bridge: "172.31.251.1/24" },
      dockerConfig: 'network = "bridge"',
    });
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "bridged", {
      dnsConfig: { servers: ["192.0.2.53"], searches: ["example.test"], options: [] },
      portMappings: [{ protocol: 0, containerPort: 80, hostPort: 18_080, hostIp: "" }],
    });
    const ip = await pod.ip();
    assert.match(ip, /^172\.31\.251\./);
    const id = await pod.shell(
      "server",
      registry.image,
      "echo hello >/tmp/index.html; exec httpd -f -h /tmp -p 80",
    );
    assert.match(await execSync(berth, id, "ip", "addr", "show", "eth0"), new RegExp(RegExp.escape(ip)));
    assert.match(
      await execSync(berth, id, "cat", "/etc/resolv.conf"),
      /search example\.test\nnameserver 192\.0\.2\.53/,
    );
    const answer = await eventually("the host port answers", () =>
      fetch("http://127.0.0.1:18080/").then(
        (response) => response.text(),
        () => undefined,
      ),
    );
    assert.equal(answer, "hello\n");
    await berth.clients.runtime.stopPodSandbox({ podSandboxId: pod.id });
    await assert.rejects(fetch("http://127.0.0.1:18080/"));
  });

  it("is used over TLS, including its streams", async () => {
    await using directory = await tempDir();
    await using registry = await startBusyboxRegistry();
    const { certFile, keyFile } = await selfSigned(join(directory.path, "docker"));
    const port = 12_376;
    const paths = [certFile, certFile, keyFile].map((path) => JSON.stringify(path));
    await using berth = await TestBerth.start({
      engine: "docker",
      docker: { tls: { port, certFile, keyFile } },
      dockerHost: `tcp://127.0.0.1:${port}`,
      dockerConfig: `tls = { ca = ${paths[0]}, cert = ${paths[1]}, key = ${paths[2]} }`,
    });
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "tls");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    assert.equal(await execSync(berth, id, "echo", "over TLS"), "over TLS\n");
    const { stdout } = await outputOf(berth, id, ["sh", "-c", "cat; echo end"], { input: "there and " });
    assert.equal(stdout, "there and end\n");
  });

  it("gives containers no_new_privs as a pod requests, whatever its own default", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker", docker: { noNewPrivileges: true } });
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "privileges");
    for (const noNewPrivs of [false, true]) {
      const linux = { securityContext: { noNewPrivs } };
      const id = await pod.shell(`asks-${noNewPrivs}`, registry.image, "exec sleep 1000", { linux });
      const status = await execSync(berth, id, "cat", "/proc/1/status");
      assert.match(status, noNewPrivs ? /^NoNewPrivs:\t1$/m : /^NoNewPrivs:\t0$/m);
    }
  });

  it("is not used if its containers have user namespaces, and Status says why", async () => {
    await using berth = await TestBerth.start({ engine: "docker", docker: { userNamespaces: true } });
    const { runtime } = berth.clients;
    const { status } = await runtime.status({ verbose: false });
    const ready = status?.conditions.find(({ type }) => type === "RuntimeReady");
    assert.equal(ready?.status, false);
    assert.match(ready?.message ?? "", /has userns-remap.*leave that out of its daemon\.json/);
    const request = { config: podConfig("remapped"), runtimeHandler: "" };
    await assert.rejects(runtime.runPodSandbox(request), /UNAVAILABLE.*userns-remap/);
    // There are no pods to remove, and no daemon to do it.
    await berth.stopDaemon();
  });

  it("reports what is wrong with the certificates for it", async () => {
    await using directory = await tempDir();
    const own = await selfSigned(join(directory.path, "docker"));
    const other = await selfSigned(join(directory.path, "other"));
    const file = (name: "ca" | "cert" | "key") => join(directory.path, name);
    const tls = (["ca", "cert", "key"] as const).map((name) => `${name} = ${JSON.stringify(file(name))}`);
    const port = 12_377;
    const write = async (signer: string, { certFile, keyFile }: typeof own) => {
      await copyFile(signer, file("ca"));
      await copyFile(certFile, file("cert"));
      await copyFile(keyFile, file("key"));
    };
    await write(own.certFile, own);
    await using berth = await TestBerth.start({
      engine: "docker",
      docker: { tls: { port, certFile: own.certFile, keyFile: own.keyFile } },
      dockerHost: `tcp://127.0.0.1:${port}`,
      dockerConfig: `tls = { ${tls.join(", ")} }`,
    });
    const ready = async () => {
      await berth.restartDaemon();
      const { status } = await berth.clients.runtime.status({ verbose: false });
      return status?.conditions.find(({ type }) => type === "RuntimeReady");
    };
    await write(other.certFile, own);
    assert.match((await ready())?.message ?? "", /docker\.tls: self-signed certificate/);
    await write(own.certFile, other);
    assert.match((await ready())?.message ?? "", /docker\.tls: .*(?:bad certificate|unknown ca)/);
    await write(own.certFile, own);
    assert.equal((await ready())?.status, true);
  });

  for (const logs of [
    { driver: "none" },
    { driver: "local" },
    { driver: "journald" },
    { driver: "syslog" },
    { driver: "json-file", options: { mode: "non-blocking", "max-buffer-size": "4m", compress: "true" } },
  ]) {
    const { driver, options = {} } = logs;
    it(`keeps pods' logs although its own are ${[driver, ...Object.keys(options)].join(", ")}`, async () => {
      await using registry = await startBusyboxRegistry();
      await using berth = await TestBerth.start({ engine: "docker", docker: { logs } });
      await berth.pull(registry.image);
      const pod = await TestPod.run(berth, "logs");
      const script = "seq 1 20000; printf part; sleep 1000";
      const id = await pod.shell("main", registry.image, script);
      // Docker keeps an incomplete line until the end.
      const all = async () => (await pod.log("main")).length === 20_000;
      await eventually("all lines are there", all);
      await berth.restartDaemon("SIGKILL");
      await berth.clients.runtime.stopContainer({ containerId: id, timeout: 0n });
      const lines = Array.from({ length: 20_000 }, (_, index) => `stdout F ${index + 1}`);
      assert.deepEqual(await pod.log("main"), [...lines, "stdout P part"]);
    });
  }

  for (const liveRestore of [true, false]) {
    const fate = liveRestore ? "go on" : "end";
    it(`finds pods that ${fate} when dockerd is killed ${liveRestore ? "with" : "without"} live-restore`, async () => {
      await using registry = await startBusyboxRegistry();
      await using berth = await TestBerth.start({ engine: "docker", docker: { liveRestore } });
      await berth.pull(registry.image);
      const pod = await TestPod.run(berth, "fate");
      const id = await pod.shell(
        "shell",
        registry.image,
        "i=0; while sleep 0.1; do echo $i; i=$((i+1)); done",
      );
      await eventually("it writes", async () => (await pod.log("shell")).includes("stdout F 1"));
      await berth.docker?.stop("SIGKILL");
      await delay(2000);
      await berth.docker?.start();
      await eventually("the engine is there again", async () => {
        const { status } = await berth.clients.runtime.status({ verbose: false });
        return status?.conditions.every((condition) => condition.status);
      });
      // Once when the stream broke off, and once for all attempts since.
      const reports = (await berth.daemonLog()).match(/a container's log was interrupted/g) ?? [];
      assert.ok(reports.length <= 2, `${reports.length} reports`);
      if (liveRestore) {
        assert.equal(await execSync(berth, id, "echo", "still here"), "still here\n");
        const before = (await pod.log("shell")).length;
        await eventually("its log goes on", async () => (await pod.log("shell")).length > before);
      } else {
        assert.notEqual((await exited(berth, id)).exitCode, 0);
        assert.equal((await containerStatus(berth, id)).finishedAt > 0n, true);
      }
      const numbers = (await pod.log("shell"))
        .flatMap((line) => /^stdout F (\d+)$/.exec(line)?.[1] ?? [])
        .map(Number);
      assert.deepEqual(numbers, [...numbers.keys()]);
    });
  }

  it("ends commands that were running when dockerd was killed, although their container continues", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker", docker: { liveRestore: true } });
    await berth.pull(registry.image);
    const { runtime } = berth.clients;
    const pod = await TestPod.run(berth, "commands");
    const containerId = await pod.shell("shell", registry.image, "exec sleep 1000");
    const asked = (seconds: string) => {
      const cmd = ["sh", "-c", `sleep ${seconds} & wait`];
      return assert.rejects(runtime.execSync({ containerId, cmd, timeout: 1000n }), /UNAVAILABLE/);
    };
    const begun = async (seconds: string) =>
      (await execSync(berth, containerId, "ps")).includes(`sleep ${seconds}`);
    const long = asked("4321");
    await eventually("the first runs", () => begun("4321"));
    const execs = join(berth.state, "docker", "execs");
    await eventually("Docker has told its process", async () => {
      const files = await readdir(execs);
      const texts = await Promise.all(files.map((file) => readFile(join(execs, file), "utf8")));
      return texts.some((text) => text.includes("command"));
    });
    const short = asked("5432");
    await eventually("the second runs", () => begun("5432"));
    await berth.docker?.stop("SIGKILL");
    await Promise.all([long, short]);
    await berth.docker?.start();
    const seen = await eventually("commands run again", () =>
      execSync(berth, containerId, "ps").catch(() => undefined),
    );
    assert.match(seen, /sleep 1000/);
    assert.doesNotMatch(seen, /4321|5432/);
    assert.deepEqual(await readdir(execs), []);
  });

  it("ends a command with its input when dockerd is killed, which its client notices, or berthd", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker", docker: { liveRestore: true } });
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "input");
    const containerId = await pod.shell("shell", registry.image, "exec sleep 1000");
    const processes = () =>
      eventually("commands run", () => execSync(berth, containerId, "ps").catch(() => undefined));
    const begin = async (seconds: string) => {
      const script = `read line; echo "$line" > /${seconds}; exec sleep ${seconds}`;
      const command = await exec(berth, containerId, ["sh", "-c", script], { stdin: true });
      // The command gets no more input once its engine or daemon is gone.
      command.stdin?.on("error", () => undefined).write("begun\n");
      await eventually("it reads", async () => {
        const read = await execSync(berth, containerId, "cat", `/${seconds}`).catch(() => "");
        return read === "begun\n" && (await processes()).includes(seconds);
      });
      return command;
    };
    const first = await begin("4321");
    await berth.docker?.stop("SIGKILL");
    await assert.rejects(first.exitCode);
    await berth.docker?.start();
    assert.doesNotMatch(await processes(), /4321/);
    const second = await begin("5432");
    await berth.restartDaemon("SIGKILL");
    await assert.rejects(second.exitCode);
    assert.doesNotMatch(await processes(), /5432/);
  });

  it("ends processes that dockerd was starting when it was killed, and has forgotten", async () => {
    await using directory = await tempDir();
    await using registry = await startBusyboxRegistry();
    const path = (name: string) => join(directory.path, name);
    // A runtime that kills dockerd when a container has started, before dockerd notices.
    const script = `#!/bin/sh
runc "$@" || exit $?
for word; do [ "$word" = start ] && [ -e ${path("armed")} ] && kill -9 "$(cat ${path("pid")})"; done
exit 0
`;
    await writeFile(path("runtime"), script, { mode: 0o755 });
    const docker = { liveRestore: true, runtime: path("runtime") };
    await using berth = await TestBerth.start({ engine: "docker", docker });
    await berth.pull(registry.image);
    const { runtime } = berth.clients;
    const pod = await TestPod.run(berth, "cut");
    const containerId = await pod.create(shellConfig("main", registry.image, "exec sleep 4321"));
    await writeFile(path("pid"), String(berth.docker?.pid));
    await writeFile(path("armed"), "");
    await assert.rejects(runtime.startContainer({ containerId }), /UNAVAILABLE/);
    await berth.docker?.ended();
    assert.equal((await processesOf(containerId)).length, 1);
    await rm(path("armed"));
    await berth.docker?.start();
    await eventually("its process has ended, or Docker knows it", async () => {
      const { state } = await containerStatus(berth, containerId).catch(() => ({ state: undefined }));
      const isRunning = state === ContainerState.CONTAINER_RUNNING;
      return state !== undefined && isRunning === (await processesOf(containerId)).length > 0;
    });
    await runtime.removePodSandbox({ podSandboxId: pod.id });
    assert.deepEqual(await processesOf(containerId), []);
  });

  it("sees the end of a container also if Docker drops the event, because berthd does not run for a while", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker" });
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "paused");
    const id = await pod.shell("main", registry.image, "exec sleep 1000");
    const idle = await pod.create(shellConfig("idle", registry.image, "true"));
    process.kill(berth.pid, "SIGSTOP");
    try {
      // Docker waits this long with each event that it has no room for, and then drops it.
      const dropMs = 100;
      const longEnough = performance.now() + 3000;
      for (
        let [tookMs, count] = [0, 0];
        count < 1024 || tookMs < dropMs || performance.now() < longEnough;
        count++
      ) {
        const begun = performance.now();
        await berth.docker?.request("POST", `/containers/${idle}/update`, { CpuShares: 2 + count });
        tookMs = performance.now() - begun;
      }
      await berth.docker?.request("POST", `/containers/${id}/kill`);
      await berth.docker?.request("POST", `/containers/${id}/wait`);
    } finally {
      process.kill(berth.pid, "SIGCONT");
    }
    assert.notEqual((await exited(berth, id)).exitCode, 0);
  });

  it("reports that a hanging engine does not answer, and continues when it does", async () => {
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker" });
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "hung");
    const id = await pod.shell("shell", registry.image, "exec sleep 1000");
    const ready = async () => {
      const { status } = await berth.clients.runtime.status({ verbose: false });
      return status?.conditions.find(({ type }) => type === "RuntimeReady");
    };
    const dockerd = berth.docker?.pid ?? assert.fail("no dockerd");
    process.kill(dockerd, "SIGSTOP");
    try {
      const message = await eventually("the engine is not ready", async () => {
        const condition = await ready();
        return condition?.status === false && condition.message;
      });
      assert.match(message, /has not answered for \d+ s/);
      const asked = berth.clients.runtime.execSync({ containerId: id, cmd: ["true"], timeout: 10n });
      await assert.rejects(asked, /UNAVAILABLE.*has not answered/);
    } finally {
      process.kill(dockerd, "SIGCONT");
    }
    await eventually("the engine is ready", async () => (await ready())?.status);
    assert.equal(await execSync(berth, id, "echo", "alive"), "alive\n");
  });

  it("that hangs while berthd starts is reported as not answering, and is used when it answers", async () => {
    await using berth = await TestBerth.start({ engine: "docker" });
    await berth.stopDaemon();
    const ready = async () => {
      const { status } = await berth.clients.runtime.status({ verbose: false });
      return status?.conditions.find(({ type }) => type === "RuntimeReady");
    };
    const dockerd = berth.docker?.pid ?? assert.fail("no dockerd");
    process.kill(dockerd, "SIGSTOP");
    try {
      await berth.startDaemon();
      const condition = await ready();
      assert.equal(condition?.status, false);
      assert.match(condition?.message ?? "", /has not answered for \d+ s/);
      await berth.restartDaemon();
    } finally {
      process.kill(dockerd, "SIGCONT");
    }
    await eventually("the engine is ready", async () => (await ready())?.status);
  });

  it("makes no pod of a sandbox that ended with dockerd during its creation", async () => {
    await using directory = await tempDir();
    const gate = await GatePlugin.write(directory.path);
    await using berth = await TestBerth.start({ engine: "docker", ...gate.options });
    const { runtime } = berth.clients;
    const request = { config: podConfig("unlucky"), runtimeHandler: "" };
    const refused = assert.rejects(runtime.runPodSandbox(request), /UNAVAILABLE.*Docker Engine/);
    await gate.begun();
    await berth.docker?.stop("SIGKILL");
    await berth.docker?.start();
    await eventually("the engine is there again", async () => {
      const { status } = await runtime.status({ verbose: false });
      return status?.conditions.find(({ type }) => type === "RuntimeReady")?.status;
    });
    await gate.open();
    await refused;
    assert.deepEqual((await runtime.listPodSandbox({ filter: undefined })).items, []);
    assert.deepEqual(await berth.docker?.containers(), []);
    await runtime.runPodSandbox(request);
  });

  it("makes no pod of a sandbox whose container a person kills or removes during its creation", async () => {
    for (const way of ["kill", "rm"]) {
      await using directory = await tempDir();
      const gate = await GatePlugin.write(directory.path);
      await using berth = await TestBerth.start({ engine: "docker", ...gate.options });
      const { runtime } = berth.clients;
      const request = { config: podConfig("unlucky"), runtimeHandler: "" };
      const refused = assert.rejects(
        runtime.runPodSandbox(request),
        /UNAVAILABLE.*ended or was removed while/,
      );
      await gate.begun();
      const [name = ""] = (await berth.docker?.containers()) ?? [];
      if (way === "kill") await berth.docker?.request("POST", `/containers${name}/kill`);
      else await berth.docker?.request("DELETE", `/containers${name}?force=true`);
      await gate.open();
      await refused;
      assert.deepEqual((await runtime.listPodSandbox({ filter: undefined })).items, []);
      assert.deepEqual(await berth.docker?.containers(), []);
      const { podSandboxId } = await runtime.runPodSandbox(request);
      const { status } = await runtime.podSandboxStatus({ podSandboxId, verbose: false });
      assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
    }
  });

  it("gets few requests for a pod, none for lists, and for images only about new ones", async () => {
    await using directory = await tempDir();
    await using requests = await DockerRequests.listen(join(directory.path, "docker.sock"));
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker", dockerHost: requests.host });
    const { runtime, images } = berth.clients;
    requests.leadTo(berth.docker?.socket ?? "");
    // Logs are followed, and images inspected, independently of calls.
    const asked = async (call: () => Promise<unknown>) => {
      requests.taken();
      await call();
      return requests.taken().filter((line) => !/\/logs$|\/images\//.test(line));
    };
    const ready = async () => {
      const { status } = await runtime.status({ verbose: false });
      return status?.conditions.every((condition) => condition.status);
    };
    await eventually("the engine is there", ready);
    await berth.pull(registry.image);
    // For the first pod, the sandboxes' image is created.
    await TestPod.run(berth, "first");
    const request = { config: podConfig("asked", { logDirectory: berth.logDir }), runtimeHandler: "" };
    assert.deepEqual(await asked(() => runtime.runPodSandbox(request)), [
      "POST /containers/create",
      "POST /containers/ID/start",
      "GET /containers/ID/json",
    ]);
    const pod = await TestPod.run(berth, "pod");
    let containerId = "";
    const config = shellConfig("main", registry.image, "exec sleep 1000");
    const create = async () => {
      containerId = await pod.create(config);
    };
    assert.deepEqual(await asked(create), ["POST /containers/create", "GET /containers/ID/json"]);
    assert.deepEqual(await asked(() => runtime.startContainer({ containerId })), [
      "POST /containers/ID/start",
      "GET /containers/ID/json",
    ]);
    assert.deepEqual(await asked(() => execSync(berth, containerId, "true")), [
      "POST /containers/ID/exec",
      "POST /exec/ID/start",
    ]);
    const lists = async () => {
      await runtime.listPodSandbox({ filter: undefined });
      await runtime.listContainers({ filter: undefined });
      await runtime.containerStatus({ containerId, verbose: true });
      await runtime.listContainerStats({ filter: undefined });
      await images.listImages({ filter: undefined });
      await images.imageFsInfo({});
      await ready();
    };
    assert.deepEqual(await asked(lists), []);
    requests.taken();
    await runtime.stopContainer({ containerId, timeout: 0n });
    // What may be missing in the log is read from Docker's file.
    assert.deepEqual(
      requests.taken().filter((line) => line.endsWith("/logs")),
      [],
    );
    await berth.docker?.request("POST", `/images/${registry.image}/tag?repo=another`);
    requests.taken();
    await berth.docker?.request("POST", `/images/${registry.image}/tag?repo=third`);
    await eventually("the name is seen", async () =>
      (await images.listImages({ filter: undefined })).images.some(({ repoTags }) =>
        repoTags.includes("docker.io/library/third:latest"),
      ),
    );
    const looks = requests.taken().filter((line) => line !== "GET /images/json");
    assert.deepEqual(looks, []);
  });

  it("that hangs for one container serves the others, even to a daemon that starts", async () => {
    await using directory = await tempDir();
    await using requests = await DockerRequests.listen(join(directory.path, "docker.sock"));
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker", dockerHost: requests.host });
    requests.leadTo(berth.docker?.socket ?? "");
    const ready = () =>
      eventually("the engine is there", async () => {
        const { status } = await berth.clients.runtime.status({ verbose: false });
        return status?.conditions.every((condition) => condition.status);
      });
    await ready();
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "pod");
    const other = await pod.shell("other", registry.image, "exec sleep 1000");
    const stuck = await pod.shell("stuck", registry.image, "exec sleep 1000");
    const ip = await pod.ip();
    requests.hangOn(`/containers/${stuck}/json`);
    const { runtime } = berth.clients;
    const linux = LinuxContainerResources.fromPartial({ cpuShares: 512n });
    await assert.rejects(
      runtime.updateContainerResources({ containerId: stuck, linux, windows: undefined, annotations: {} }),
      /UNAVAILABLE.*has not described container/,
    );
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await berth.restartDaemon(signal);
      await ready();
      assert.equal(await execSync(berth, other, "echo", "alive"), "alive\n");
      assert.equal(await pod.ip(), ip);
      // A client that did not see it would create another one.
      assert.equal((await containerStatus(berth, stuck)).state, ContainerState.CONTAINER_RUNNING);
    }
    requests.hangOn("nothing");
    await eventually("it is described", async () => (await verboseInfo(berth, stuck)).pid > 0);
  });

  it("that does not remove incomplete objects is used nevertheless, and gets the request again", async () => {
    await using directory = await tempDir();
    await using requests = await DockerRequests.listen(join(directory.path, "docker.sock"));
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker", dockerHost: requests.host });
    requests.leadTo(berth.docker?.socket ?? "");
    const ready = () =>
      eventually("the engine is there", async () => {
        const { status } = await berth.clients.runtime.status({ verbose: false });
        return status?.conditions.every((condition) => condition.status);
      });
    await ready();
    await berth.pull(registry.image);
    // As left by a daemon that is killed while it reads an image.
    const name = "berth_users_left";
    const create = `/containers/create?name=${name}`;
    const body = { Image: registry.image, Labels: { "berth.kind": "reader", "berth.name": name } };
    const left = JSON.parse((await berth.docker?.request("POST", create, body)) ?? "").Id;
    for (const refuse of [
      () => requests.hangOn(`/containers/${left}/kill`),
      () => requests.failNext("DELETE /containers/ID", Number.POSITIVE_INFINITY),
    ]) {
      refuse();
      await berth.restartDaemon();
      await ready();
      assert.equal((await berth.docker?.containers())?.length, 1);
      requests.hangOn("nothing");
    }
    requests.failNext("nothing", 0);
    await berth.restartDaemon();
    await ready();
    // The engine is used before a slow one has removed it.
    await eventually("it is gone", async () => (await berth.docker?.containers())?.length === 0);
  });

  it("that does not remove an incomplete pod's sandbox fails the next attempt, with the sandbox's id, in time", async () => {
    await using directory = await tempDir();
    await using requests = await DockerRequests.listen(join(directory.path, "docker.sock"));
    await using berth = await TestBerth.start({ engine: "docker", dockerHost: requests.host });
    requests.leadTo(berth.docker?.socket ?? "");
    const { runtime } = berth.clients;
    const ready = () =>
      eventually("the engine is there", async () => {
        const { status } = await berth.clients.runtime.status({ verbose: false });
        return status?.conditions.every((condition) => condition.status);
      });
    await ready();
    const request = { config: podConfig("half"), runtimeHandler: "" };
    requests.hangOn("/start");
    const cut = assert.rejects(runtime.runPodSandbox(request));
    const half = await eventually("it is half-made", async () => {
      const all = JSON.parse((await berth.docker?.request("GET", "/containers/json?all=true")) ?? "");
      return all[0]?.Id as string | undefined;
    });
    await berth.stopDaemon("SIGKILL");
    await cut;
    // A person may change the name.
    await berth.docker?.request("POST", `/containers/${half}/rename?name=another`);
    requests.hangOn(`/containers/${half}/kill`);
    await berth.startDaemon();
    await ready();
    const again = () => berth.clients.runtime.runPodSandbox(request);
    assert.deepEqual((await berth.clients.runtime.listPodSandbox({ filter: undefined })).items, []);
    await assert.rejects(again(), new RegExp(`UNAVAILABLE.*${half}.*half-made.*cannot be removed`));
    requests.hangOn("nothing");
    const { podSandboxId } = await again();
    assert.equal((await berth.docker?.containers())?.length, 1);
    await berth.clients.runtime.removePodSandbox({ podSandboxId });
  });

  it("that fails to describe a container or an image is asked again, and the client's retry finds what exists", async () => {
    await using directory = await tempDir();
    await using requests = await DockerRequests.listen(join(directory.path, "docker.sock"));
    await using registry = await startBusyboxRegistry();
    await using berth = await TestBerth.start({ engine: "docker", dockerHost: requests.host });
    const { runtime, images } = berth.clients;
    requests.leadTo(berth.docker?.socket ?? "");
    await eventually("the engine is there", async () => {
      const { status } = await runtime.status({ verbose: false });
      return status?.conditions.every((condition) => condition.status);
    });
    await berth.pull(registry.image);
    const pod = await TestPod.run(berth, "pod");
    const config = shellConfig("main", registry.image, "exec sleep 1000");
    const inspect = "GET /containers/ID/json";
    requests.failNext(inspect, 2);
    await assert.rejects(pod.create(config), /INTERNAL.*something went wrong/);
    const containerId = await pod.create(config);
    requests.failNext(inspect, 2);
    await assert.rejects(runtime.startContainer({ containerId }), /INTERNAL.*something went wrong/);
    const becomes = (wanted: ContainerState) =>
      eventually("it is seen", async () => (await containerStatus(berth, containerId)).state === wanted);
    await becomes(ContainerState.CONTAINER_RUNNING);
    requests.failNext(inspect, 2);
    await berth.docker?.request("POST", `/containers/${containerId}/kill`);
    await becomes(ContainerState.CONTAINER_EXITED);
    for (const step of ["POST /containers/create", "POST /containers/ID/start", inspect]) {
      requests.failNext(step, 1);
      const request = { config: podConfig(step.replace(/\W+/g, "-").toLowerCase()), runtimeHandler: "" };
      await assert.rejects(runtime.runPodSandbox(request), /INTERNAL.*something went wrong/);
      await runtime.runPodSandbox(request);
    }
    requests.failNext("GET /images/json", 2);
    await berth.docker?.request("POST", `/images/${registry.image}/tag?repo=another`);
    await eventually("the name is seen", async () =>
      (await images.listImages({ filter: undefined })).images.some(({ repoTags }) =>
        repoTags.includes("docker.io/library/another:latest"),
      ),
    );
  });
});
