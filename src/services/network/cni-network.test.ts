import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { open, stat, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { connectInNamespace, isAlive, processStartTime } from "../../ground/linux/index.ts";
import { enterPrivateNetwork } from "../../testing/private-network.ts";
import { until } from "../../testing/until.ts";
import type { PodAttachment } from "./index.ts";
import { assertNothingLeft, bridged, leftovers, ways } from "./testing/bridged.ts";
import { bridgeNetwork, recorder, TestNetwork } from "./testing/test-network.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const limit = { timeout: 120_000 };

/** The kernel's addresses of eth0. */
async function kernelAddresses({ netnsPath }: PodAttachment): Promise<readonly string[]> {
  const { stdout } = await run("nsenter", [`--net=${netnsPath}`, "ip", "-j", "addr", "show", "dev", "eth0"]);
  const [link] = JSON.parse(stdout);
  return link.addr_info
    .filter((info: { scope: string }) => info.scope === "global")
    .map((info: { local: string }) => info.local);
}

for (const { way, builtinPlugins } of ways) {
  test(`ADD gives the pod its addresses on eth0, and DEL leaves nothing behind, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins });
    const pod = await rig.pod();
    const result = await rig.network.attach(pod);
    assert.match(result.ips[0] ?? "", /^10\.87\.0\.\d+$/);
    assert.deepEqual([...result.ips].sort(), [...(await kernelAddresses(pod))].sort());
    assert.deepEqual(
      result.interfaces.map(({ name, ips }) => ({ name, ips })),
      [{ name: "eth0", ips: result.ips }],
    );
    assert.match(result.interfaces[0]?.mac ?? "", /^([0-9a-f]{2}:){5}/);
    assert.deepEqual(await rig.network.attachments(), [pod.sandboxId]);
    assert.equal((await leftovers(rig)).links, 1);

    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
    assert.deepEqual(await rig.network.attachments(), []);
  });
}

for (const { way, builtinPlugins } of ways) {
  test(
    `DEL can be repeated, and works after a restart, without the configuration and without the namespace, ${way}`,
    limit,
    async () => {
      await using rig = await bridged({ builtinPlugins });
      const pod = await rig.pod();
      await rig.network.attach(pod);
      await rig.configure("{}");
      await rig.loseNamespace(pod);
      await rig.restart();
      await rig.network.detach(pod.sandboxId);
      await rig.network.detach(pod.sandboxId);
      await assertNothingLeft(rig);
    },
  );
}

for (const { way, builtinPlugins } of ways) {
  test(`a pod that is already attached is rejected, and stays attached, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins });
    const pod = await rig.pod();
    const { ips } = await rig.network.attach(pod);
    const before = await leftovers(rig);
    await assert.rejects(rig.network.attach(pod), { code: "AlreadyExists", message: /detach it first/ });
    assert.deepEqual(await leftovers(rig), before);
    assert.deepEqual(await rig.network.addresses(pod.sandboxId), ips);
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  });

  test(`twenty pods attached at once get twenty addresses, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins });
    const pods = await Promise.all(Array.from({ length: 20 }, () => rig.pod()));
    const results = await Promise.all(pods.map((pod) => rig.network.attach(pod)));
    assert.equal(new Set(results.flatMap(({ ips }) => ips)).size, 40);
    await Promise.all(pods.map(({ sandboxId }) => rig.network.detach(sandboxId)));
    await assertNothingLeft(rig);
  });
}

for (const cniVersion of ["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0"]) {
  for (const { way, builtinPlugins } of ways)
    test(`a pod is attached and detached with version ${cniVersion}, ${way}`, limit, async () => {
      await using rig = await TestNetwork.open({ builtinPlugins });
      await rig.configure({ ...bridgeNetwork(rig, { chained: [{ type: "portmap" }] }), cniVersion });
      await rig.restart();
      const pod = await rig.pod();
      const { ips } = await rig.network.attach(pod);
      assert.deepEqual([...ips].sort(), [...(await kernelAddresses(pod))].sort());
      await rig.network.detach(pod.sandboxId);
      await assertNothingLeft(rig);
    });
}

for (const { way, builtinPlugins } of ways) {
  test(`a host port reaches the pod while it is attached, ${way}`, limit, async () => {
    await using rig = await bridged({
      builtinPlugins,
      chained: [{ type: "portmap", capabilities: { portMappings: true } }],
    });
    const pod = await rig.pod({ portMappings: [{ hostPort: 18080, containerPort: 80, protocol: "tcp" }] });
    const { ips } = await rig.network.attach(pod);
    const gateway = ips[0]?.replace(/\d+$/, "1") ?? "";
    const server = spawn("nsenter", [
      `--net=${pod.netnsPath}`,
      "socat",
      "TCP-LISTEN:80,fork,reuseaddr",
      "SYSTEM:echo hello",
    ]);
    const ended = once(server, "close");
    try {
      const connect = () =>
        run("socat", ["-t2", "-u", `TCP:${gateway}:18080`, "STDOUT"]).then(
          ({ stdout }) => (stdout === "" ? undefined : stdout),
          () => undefined,
        );
      assert.equal(await until(connect), "hello\n");
    } finally {
      server.kill();
      await ended;
    }
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
    const { stdout } = await run("iptables-save", ["-t", "nat"]);
    assert.doesNotMatch(stdout, /18080/);
  });
}

test("a plugin that hangs is killed with its children, and DEL is run", limit, async () => {
  await using rig = await bridged({ chained: [{ type: "stuck" }] });
  await rig.plugin("stuck", recorder('if [ "$CNI_COMMAND" = ADD ]; then sleep 1000; fi'));
  await rig.restart({ pluginTimeoutMs: 5000 });
  const pod = await rig.pod();
  await assert.rejects(rig.network.attach(pod), {
    code: "DeadlineExceeded",
    message: /stuck did not finish in 5 s/,
  });
  const [stuck] = await rig.calls();
  assert.equal(await processStartTime(stuck?.pid ?? 0), undefined);
  assert.deepEqual(await rig.commands("stuck"), ["ADD", "DEL"]);
  await assertNothingLeft(rig);
  assert.deepEqual(await rig.network.attachments(), []);
});

test("a plugin whose file is being written is run once that is complete", limit, async () => {
  await using rig = await TestNetwork.open();
  await rig.plugin("plain", recorder());
  await rig.configure({ cniVersion: "1.0.0", name: "test", plugins: [{ type: "plain" }] });
  await rig.restart();
  const pod = await rig.pod();
  const writer = await open(`${rig.root}/bin/plain`, "r+");
  const attached = rig.network.attach(pod);
  await delay(500);
  await writer.close();
  assert.deepEqual((await attached).ips, ["10.9.0.2"]);
  await rig.network.detach(pod.sandboxId);
});

test("a caller that gives up ends the plugin, and DEL is run", limit, async () => {
  await using rig = await bridged({ chained: [{ type: "stuck" }] });
  await rig.plugin("stuck", recorder('if [ "$CNI_COMMAND" = ADD ]; then sleep 1000; fi'));
  const caller = new AbortController();
  const attached = rig.network.attach(await rig.pod(), caller.signal);
  await until(async () => (await rig.calls()).length > 0);
  caller.abort(new Error("the caller gave up"));
  await assert.rejects(attached, /the caller gave up/);
  assert.deepEqual(await rig.commands("stuck"), ["ADD", "DEL"]);
  await assertNothingLeft(rig);
});

const failures = [
  {
    title: "what a plugin prints instead of a result is quoted, with the plugin's name",
    script: "echo ' hello, I am not JSON'",
    error: {
      code: "Internal",
      message: /plugin broken returned an invalid result for ADD \(not JSON\): " hello, I am not JSON/,
    },
  },
  {
    title: "a result whose addresses are none is refused",
    script: `echo '{"ips":[{"address":"10.0.0.300/24"}]}'`,
    error: { code: "Internal", message: /plugin broken .*"ips" is wrong/ },
  },
  {
    title: "a result that points to an interface that is not there is refused",
    script: `echo '{"interfaces":[],"ips":[{"address":"10.0.0.3/24","interface":7}]}'`,
    error: { code: "Internal", message: /"ips" is wrong/ },
  },
  {
    title: "a result without an address is refused",
    script: "echo '{}'",
    error: { code: "Internal", message: /network test assigned no address to the pod/ },
  },
  {
    title: "a plugin's error is passed on with its code and details",
    script: `echo '{"code":103,"msg":"no addresses","details":"range is full"}'; exit 1`,
    error: { code: "Internal", message: /plugin broken failed at ADD: no addresses: range is full .*103/ },
  },
  {
    title: "an error that asks to try again later is Unavailable",
    script: `echo '{"code":11,"msg":"starting"}'; exit 1`,
    error: { code: "Unavailable", message: /starting/ },
  },
  {
    title: "a plugin that fails without an error object is quoted from both outputs",
    script: "echo out; echo err >&2; exit 3",
    error: { code: "Internal", message: /with exit code 3; stdout: "out\\n", stderr: "err\\n"/ },
  },
  {
    title: "a plugin that prints without end is killed",
    script: "exec cat /dev/zero",
    error: { code: "Internal", message: /more than 1 MiB/ },
  },
  {
    title: "a plugin that is killed by a signal has failed",
    script: "kill -9 $$",
    error: { code: "Internal", message: /plugin broken failed at ADD, killed by SIGKILL;/ },
  },
];

for (const { title, script, error } of failures) {
  test(`${title}, and DEL is run`, limit, async () => {
    await using rig = await TestNetwork.open();
    await rig.plugin("broken", recorder(`if [ "$CNI_COMMAND" = ADD ]; then ${script}; fi`));
    await rig.configure({ cniVersion: "1.0.0", name: "test", plugins: [{ type: "broken" }] });
    await rig.restart();
    await assert.rejects(rig.network.attach(await rig.pod()), error);
    assert.deepEqual(await rig.commands("broken"), ["ADD", "DEL"]);
    assert.deepEqual(await rig.network.attachments(), []);
  });
}

test("an attachment whose DEL fails stays recorded until DEL succeeds", limit, async () => {
  await using rig = await TestNetwork.open();
  await rig.plugin(
    "flaky",
    recorder('case $CNI_COMMAND in ADD) echo "$RESULT";; DEL) [ -e "$LOG.good" ];; esac'),
  );
  await rig.configure({ cniVersion: "1.0.0", name: "test", plugins: [{ type: "flaky" }] });
  await rig.restart();
  const pod = await rig.pod();
  await rig.network.attach(pod);
  await assert.rejects(rig.network.detach(pod.sandboxId), /plugin flaky failed at DEL/);
  assert.deepEqual(await rig.network.attachments(), [pod.sandboxId]);
  await writeFile(`${rig.root}/calls.good`, "");
  await rig.network.detach(pod.sandboxId);
  assert.deepEqual(await rig.network.attachments(), []);
});

test("leftovers of a daemon that was killed during ADD are removed by the next one", limit, async () => {
  await using rig = await bridged({ chained: [{ type: "stuck" }] });
  await rig.plugin("stuck", recorder('if [ "$CNI_COMMAND" = ADD ]; then exec sleep 1000; fi'));
  const pod = await rig.pod();
  const script = new URL("./testing/once.ts", import.meta.url).pathname;
  const daemon = spawn(process.execPath, [script, JSON.stringify({ options: rig.options, pod })], {
    stdio: "ignore",
  });
  const ended = once(daemon, "exit");
  const [stuck] = await until(async () => {
    const calls = await rig.calls();
    return calls.length > 0 && calls;
  });
  daemon.kill("SIGKILL");
  await ended;
  assert.ok(stuck);
  const startTime = await processStartTime(stuck.pid);
  process.kill(stuck.pid, "SIGKILL");
  await until(async () => startTime === undefined || !(await isAlive(stuck.pid, startTime)));
  assert.equal((await leftovers(rig)).addresses.length, 2);

  await rig.restart();
  assert.deepEqual(await rig.network.attachments(), [pod.sandboxId]);
  await rig.network.detach(pod.sandboxId);
  await assertNothingLeft(rig);
});

test(
  "plugins get the capabilities that they declare, and only the environment that they need",
  limit,
  async () => {
    await using rig = await TestNetwork.open();
    await rig.plugin("first", recorder());
    await rig.plugin("second", recorder('env > "$LOG.env"; echo "$RESULT"'));
    const capabilities = { portMappings: true, bandwidth: true, dns: true, cgroupPath: true, mac: true };
    const plugins = [
      { type: "first", mtu: 1400 },
      { type: "second", capabilities },
    ];
    await rig.configure({ cniVersion: "0.4.0", name: "test", plugins });
    await rig.restart();
    const pod = await rig.pod({
      portMappings: [
        { hostPort: 80, containerPort: 8080, protocol: "tcp", hostIp: "127.0.0.1" },
        { hostPort: 0, containerPort: 9090, protocol: "udp" },
      ],
      bandwidth: { ingressRate: 1_000_000 },
      dns: { servers: ["10.0.0.10"], searches: ["cluster.local"], options: [] },
      cgroupPath: "/kubepods/pod1",
      annotations: { secret: "not declared" },
    });
    await rig.network.attach(pod);
    await rig.network.detach(pod.sandboxId);

    const [first, second, ...deletions] = await rig.calls();
    const common = { name: "test", cniVersion: "0.4.0" };
    const result = { cniVersion: "1.0.0", ips: [{ address: "10.9.0.2/24" }] };
    assert.deepEqual(first?.request, { type: "first", mtu: 1400, ...common });
    const runtimeConfig = {
      portMappings: [{ hostPort: 80, containerPort: 8080, protocol: "tcp", hostIP: "127.0.0.1" }],
      bandwidth: { ingressRate: 1_000_000, ingressBurst: 524_288 },
      dns: { servers: ["10.0.0.10"], searches: ["cluster.local"], options: [] },
      cgroupPath: "/kubepods/pod1",
    };
    assert.deepEqual(second?.request, { type: "second", ...common, runtimeConfig, prevResult: result });
    assert.deepEqual(
      deletions.map(({ request }) => request),
      [
        { type: "second", ...common, runtimeConfig, prevResult: result },
        { type: "first", mtu: 1400, ...common, prevResult: result },
      ],
    );
    const id = pod.sandboxId;
    const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=${id};K8S_POD_UID=1-2-3`;
    assert.deepEqual(
      { args: first.args, ifName: first.ifName, netns: first.netns },
      { args, ifName: "eth0", netns: pod.netnsPath },
    );
    const { stdout: environment } = await run("sed", ["s/=.*//", `${rig.root}/calls.env`]);
    const shellsOwn = new Set(["PWD", "OLDPWD", "SHLVL", "_"]);
    const names = environment
      .trim()
      .split("\n")
      .filter((name) => !shellsOwn.has(name));
    assert.deepEqual(names.sort(), [
      "CNI_ARGS",
      "CNI_COMMAND",
      "CNI_CONTAINERID",
      "CNI_IFNAME",
      "CNI_NETNS",
      "CNI_PATH",
      "PATH",
    ]);
  },
);

for (const { way, builtinPlugins } of ways) {
  test(`attachments are readable only by root, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins });
    const pod = await rig.pod();
    await rig.network.attach(pod);
    assert.equal((await stat(rig.options.cacheDir)).mode & 0o777, 0o700);
    assert.equal((await stat(`${rig.options.cacheDir}/${pod.sandboxId}.json`)).mode & 0o777, 0o600);
    await rig.network.detach(pod.sandboxId);
  });
}

for (const { way, builtinPlugins } of ways) {
  test(`an id or a pod name that could escape from its place is rejected, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins });
    const pod = await rig.pod();
    await assert.rejects(rig.network.attach({ ...pod, sandboxId: "../x" }), { code: "InvalidArgument" });
    await assert.rejects(rig.network.detach("../x"), { code: "InvalidArgument" });
    await assert.rejects(rig.network.attach({ ...pod, podName: "a;IP=10.0.0.1" }), {
      code: "InvalidArgument",
    });
  });
}

for (const { way, builtinPlugins } of ways) {
  test(
    `a second configuration adds eth1 if two are allowed, and the preferred address family comes first, ${way}`,
    limit,
    async () => {
      await using rig = await TestNetwork.open({ builtinPlugins, maxConfNum: 2, ipPreference: "ipv6" });
      await rig.configure(bridgeNetwork(rig), "10-a.conflist");
      const second = {
        type: "bridge",
        bridge: "berth-test1",
        ipam: { type: "host-local", dataDir: `${rig.root}/addresses`, subnet: "10.88.0.0/24" },
      };
      await rig.configure({ cniVersion: "0.3.1", name: "second", ...second }, "20-b.conf");
      await rig.restart();
      const pod = await rig.pod();
      const { ips, interfaces } = await rig.network.attach(pod);
      assert.match(ips[0] ?? "", /^fd87::/);
      assert.match(ips[1] ?? "", /^10\.87\./);
      assert.equal(ips.length, 2);
      assert.deepEqual(interfaces.map(({ name }) => name).sort(), ["eth0", "eth1"]);
      assert.match(interfaces.find(({ name }) => name === "eth1")?.ips[0] ?? "", /^10\.88\./);
      await rig.network.detach(pod.sandboxId);
      await assertNothingLeft(rig);
    },
  );
}

for (const { way, builtinPlugins } of ways) {
  test(`a pod can be reached in its namespace over its loopback interface, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins });
    const pod = await rig.pod();
    const server = spawn("nsenter", [
      `--net=${pod.netnsPath}`,
      "socat",
      "TCP-LISTEN:80,reuseaddr",
      "SYSTEM:echo hello",
    ]);
    const ended = once(server, "close");
    const socket = await until(() =>
      connectInNamespace({ netnsPath: pod.netnsPath, host: "127.0.0.1", port: 80 }).catch(() => undefined),
    );
    const chunks = await socket.setEncoding("utf8").toArray();
    assert.equal(chunks.join(""), "hello\n");
    socket.destroy();
    server.kill();
    await ended;
  });
}
