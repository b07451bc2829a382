import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { bindMount, mount, mountInfo, unmount } from "../src/ground/linux/index.ts";
import { ContainerState, PodSandboxState } from "../src/ground/protocol/index.ts";
import { deadFileSystem } from "../src/testing/dead-file-system.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { bridgeNetwork, TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { concerning, readHostState } from "./support/host-state.ts";
import { containerStatus, TestPod } from "./support/pod.ts";
import { podConfig, shellConfig } from "./support/requests.ts";
import { withBerth } from "./support/with-berth.ts";

/** A plugin that succeeds except for ADD, for which it runs the script. */
async function writePlugin(directory: string, script: string): Promise<void> {
  const text = `#!/bin/sh\ncat >/dev/null\n[ "$CNI_COMMAND" = ADD ] || exit 0\n${script}\n`;
  await writeFile(join(directory, "broken"), text, { mode: 0o755 });
}

/** Prints a plugin's result: eth0 with that address. */
function resultWith(address: string): string {
  const result = {
    cniVersion: "1.0.0",
    interfaces: [{ name: "eth0", sandbox: "NETNS" }],
    ips: [{ address, interface: 0 }],
  };
  return `echo '${JSON.stringify(result)}' | sed "s#NETNS#$CNI_NETNS#"`;
}

/** A daemon with one CNI plugin, a shell script with a timeout of five seconds. */
async function withPlugin(script: string, test: (berth: TestBerth) => Promise<void>): Promise<void> {
  await using plugins = await tempDir();
  await writePlugin(plugins.path, script);
  const network = { cniVersion: "1.0.0", name: "broken", plugins: [{ type: "broken" }] };
  await using berth = await TestBerth.start({ network, pluginDirs: [plugins.path], pluginTimeout: "5s" });
  await test(berth);
}

describe("a CNI plugin", () => {
  const cases = [
    { does: "prints garbage", script: "echo this is no result", error: /broken.*this is no result/ },
    {
      does: "fails with a CNI error",
      script: `echo '{"code": 11, "msg": "no addresses left"}'; exit 1`,
      error: /no addresses left/,
    },
    { does: "hangs", script: "sleep 1000", error: /DEADLINE_EXCEEDED.*broken/ },
    { does: "is killed", script: "kill -9 $$", error: /broken/ },
  ];
  for (const { does, script, error } of cases) {
    it(`that ${does} fails the pod with a clear error and leaves nothing`, async () => {
      await withPlugin(script, async (berth) => {
        const request = { config: podConfig("unlucky"), runtimeHandler: "" };
        await assert.rejects(berth.clients.runtime.runPodSandbox(request), error);
        const { items } = await berth.clients.runtime.listPodSandbox({ filter: undefined });
        assert.deepEqual(items, []);
        assert.deepEqual(concerning(join(berth.directory, "state", "sandboxes"), await readHostState()), []);
      });
    });
  }
});

describe("a pod whose network cannot be removed", () => {
  it("stays, not ready, and is removed when the plugin works again", async () => {
    await using plugins = await tempDir();
    await writePlugin(plugins.path, resultWith("10.1.2.3/24"));
    const network = { cniVersion: "1.0.0", name: "broken", plugins: [{ type: "broken" }] };
    await using berth = await TestBerth.start({ network, pluginDirs: [plugins.path] });
    const { runtime } = berth.clients;
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig("stuck"), runtimeHandler: "" });
    const plugin = join(plugins.path, "broken");
    await writeFile(plugin, '#!/bin/sh\necho \'{"code": 100, "msg": "out of order"}\'; exit 1\n');
    await assert.rejects(runtime.removePodSandbox({ podSandboxId }), /out of order/);
    const { status } = await runtime.podSandboxStatus({ podSandboxId, verbose: false });
    assert.equal(status?.state, PodSandboxState.SANDBOX_NOTREADY);
    await writePlugin(plugins.path, "exit 0");
    await runtime.removePodSandbox({ podSandboxId });
    assert.deepEqual((await runtime.listPodSandbox({ filter: undefined })).items, []);
  });
});

describe("the network's configuration", () => {
  it("is noticed when its directory is created, removed and recreated", async () => {
    await using berth = await TestBerth.start({ network: undefined });
    const networkReady = async () => {
      const { status } = await berth.clients.runtime.status({ verbose: false });
      return status?.conditions.find(({ type }) => type === "NetworkReady");
    };
    const before = await networkReady();
    assert.equal(before?.status, false);
    assert.match(before?.message ?? "", /net\.d/);
    for (let round = 0; round < 2; round++) {
      await rm(berth.cniConfDir, { recursive: true });
      await eventually("the network is not ready", async () => (await networkReady())?.status === false);
      await mkdir(berth.cniConfDir);
      const file = join(berth.cniConfDir, "10-late.conflist");
      await writeFile(`${file}.new`, JSON.stringify(bridgeNetwork()));
      await rename(`${file}.new`, file);
      await eventually("the network is ready", async () => (await networkReady())?.status === true);
    }
  });
});

describe("an OCI runtime", () => {
  const host = withBerth();

  it("that crashes fails the container with its own message, and the pod stays usable", async () => {
    await using scripts = await tempDir();
    const program = join(scripts.path, "crashing");
    await writeFile(program, "#!/bin/sh\necho 'everything is on fire' >&2\nkill -SEGV $$\n", { mode: 0o755 });
    await using berth = await TestBerth.start({
      config: `[runtime.handlers.crashing]\npath = ${JSON.stringify(program)}\n`,
    });
    await berth.pull(host.image);
    const config = podConfig("crash");
    const { runtime } = berth.clients;
    const { podSandboxId } = await runtime.runPodSandbox({ config, runtimeHandler: "crashing" });
    const container = shellConfig("main", host.image, "true");
    const { containerId } = await runtime.createContainer({
      podSandboxId,
      config: container,
      sandboxConfig: config,
    });
    await assert.rejects(runtime.startContainer({ containerId }), /everything is on fire/);
    const status = await containerStatus(berth, containerId);
    assert.deepEqual([status.state, status.reason], [ContainerState.CONTAINER_EXITED, "StartError"]);
    await runtime.removeContainer({ containerId });
  });
});

describe("a container", () => {
  const host = withBerth();

  it("that lost its conmon keeps running, and its end is known, but not its cause", async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "orphan");
    const containerId = await pod.shell("main", host.image, "exec sleep 1000");
    const { info } = await berth.clients.runtime.containerStatus({ containerId, verbose: true });
    const { pid } = JSON.parse(info.info ?? "{}") as { pid: number };
    const parent = Number(/^PPid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]);
    process.kill(parent, "SIGKILL");
    await berth.restartDaemon();
    assert.equal((await containerStatus(berth, containerId)).state, ContainerState.CONTAINER_RUNNING);
    process.kill(pid, "SIGKILL");
    await eventually("the container is known to have ended", async () => {
      const status = await containerStatus(berth, containerId);
      return status.state === ContainerState.CONTAINER_EXITED && status.exitCode === 255;
    });
    await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
  });
});

describe("a container whose files cannot be removed when it has ended", () => {
  const host = withBerth();

  it("loses them once they can be, without being removed", async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "held");
    const containerId = await pod.shell("main", host.image, "exec sleep 1000");
    const bundle = join(berth.state, "containers", containerId);
    const held = join(bundle, "held");
    await writeFile(held, "");
    await using cleanup = new AsyncDisposableStack();
    await bindMount(held, held);
    cleanup.defer(() => unmount(held));
    await berth.clients.runtime.stopContainer({ containerId, timeout: 0n });
    await eventually("removing them has failed", async () =>
      /recording the container's exit failed/.test(await berth.daemonLog()),
    );
    assert.equal((await containerStatus(berth, containerId)).exitCode, 137);
    await cleanup.disposeAsync();
    await eventually("they are gone", async () => !(await readdir(bundle)).includes("held"));
  });
});

describe("a container that can be neither created nor undone", () => {
  const host = withBerth();

  it("is removed once the obstacle is gone", async () => {
    const { berth, image } = host;
    const { runtime } = berth.clients;
    const pod = await TestPod.run(berth, "half-made");
    const volume = join(berth.directory, "dead");
    await mkdir(volume);
    await using dead = await deadFileSystem(volume);
    const mounts = [{ hostPath: join(volume, "file"), containerPath: "/volume" }];
    const creation = assert.rejects(
      pod.create(shellConfig("main", image, "true", { mounts })),
      /teardown failed at container-bundle.*is still mounted/,
    );
    const bundles = join(berth.directory, "state", "containers");
    const containerId = await eventually("its root file system is mounted", async () => {
      const [id = ""] = await readdir(bundles).catch(() => []);
      const rootfs = join(bundles, id, "rootfs");
      return (await mountInfo()).some(({ mountPoint }) => mountPoint === rootfs) && id;
    });
    const obstacle = join(bundles, containerId, "obstacle");
    await mkdir(obstacle);
    await using cleanup = new AsyncDisposableStack();
    await mount({ source: "obstacle", target: obstacle, type: "tmpfs" });
    cleanup.defer(() => unmount(obstacle));
    dead.fail();
    await creation;
    await cleanup.disposeAsync();
    await runtime.removeContainer({ containerId });
    assert.deepEqual((await runtime.listContainers({ filter: undefined })).containers, []);
    assert.deepEqual(await readdir(bundles), []);
    await runtime.removePodSandbox({ podSandboxId: pod.id });
  });
});

describe("a client", () => {
  it("that gives up and retries gets the pod that was created", async () => {
    await using directory = await tempDir();
    const go = join(directory.path, "go");
    const slow = `while ! [ -e ${go} ]; do sleep 0.05; done; ${resultWith("10.1.2.3/24")}`;
    await withPlugin(slow, async (berth) => {
      const { runtime } = berth.clients;
      const request = { config: podConfig("patient"), runtimeHandler: "" };
      await assert.rejects(
        runtime.runPodSandbox(request, { deadline: Date.now() + 200 }),
        /DEADLINE_EXCEEDED/,
      );
      const again = runtime.runPodSandbox(request);
      await writeFile(go, "");
      const { podSandboxId } = await again;
      const { items } = await runtime.listPodSandbox({ filter: undefined });
      assert.deepEqual(
        items.map(({ id }) => id),
        [podSandboxId],
      );
    });
  });
});
