import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { NamespaceMode, Protocol } from "../src/ground/protocol/index.ts";
import { instanceNames } from "../src/services/network/index.ts";
import { enterPrivateNetwork } from "../src/testing/private-network.ts";
import { pushImage } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { bridgeNetwork, TestBerth } from "./support/berth.ts";
import { busyboxImage, startBusyboxRegistry } from "./support/busybox.ts";
import { eventually } from "./support/condition.ts";
import { testEngine } from "./support/engine.ts";
import { type HostState, leftBehind, readHostState } from "./support/host-state.ts";
import { perlLayer } from "./support/perl.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);
const cli = new URL("../dist/berth.cjs", import.meta.url).pathname;
const limit = { timeout: 120_000 };

await enterPrivateNetwork();

/** The daemon's directory for pods' networks. */
function networkDir({ root }: TestBerth): string {
  return testEngine === "docker" ? join(root, "docker", "network") : join(root, "network");
}

const portMappings = [{ protocol: Protocol.TCP, containerPort: 80, hostPort: 18082, hostIp: "" }];

type Ranges = { readonly ranges: readonly object[] };

describe("a pod's interfaces and names", () => {
  const host = withBerth();
  const sleep = "exec sleep 1000";

  test("get the sysctls of interfaces that CNI plugins create", limit, async () => {
    const sysctls = { "net.ipv4.conf.eth0.rp_filter": "2", "net/ipv4/conf/eth0/forwarding": "0" };
    const pod = await TestPod.run(host.berth, "sysctls", { linux: { sysctls } });
    const id = await pod.shell("main", host.image, sleep);
    const path = "/proc/sys/net/ipv4/conf/eth0/rp_filter";
    assert.equal(await execSync(host.berth, id, "cat", path), "2\n");
  });

  test(
    "leave nothing of a pod that requests a sysctl of an interface that it does not get",
    limit,
    async () => {
      await remove(host.berth, await TestPod.run(host.berth, "before"));
      const before = await networkState(host.berth);
      const linux = { sysctls: { "net.ipv4.conf.eth7.rp_filter": "2" } };
      await assert.rejects(TestPod.run(host.berth, "no-such", { linux }), /INVALID_ARGUMENT.*eth7.*ENOENT/s);
      await assertNothingAdded(host.berth, before);
      const { items } = await host.berth.clients.runtime.listPodSandbox({ filter: undefined });
      assert.ok(!items.some(({ metadata }) => metadata?.name === "no-such"));
    },
  );

  test(
    "may have a name that ends with a dot, as from a kubelet without a cluster domain",
    limit,
    async () => {
      const asked = "web-1.web.default.svc.";
      const pod = await TestPod.run(host.berth, "dotted", { hostname: asked });
      const id = await pod.shell("main", host.image, sleep);
      assert.equal(await execSync(host.berth, id, "hostname"), `${asked}\n`);
      assert.equal(await execSync(host.berth, id, "cat", "/etc/hostname"), `${asked}\n`);
    },
  );

  test("let any user ping, even in a user namespace", limit, async () => {
    await pushImage(host.registry, "perl", "latest", await busyboxImage({ layers: [await perlLayer()] }));
    const image = `${host.registry.host}/perl:latest`;
    await host.berth.pull(image);
    const ids = [{ containerId: 0, hostId: 300_000, length: 65_536 }];
    const usernsOptions = { mode: NamespaceMode.POD, uids: ids, gids: ids };
    const { POD, CONTAINER } = NamespaceMode;
    const namespaceOptions = { network: POD, pid: CONTAINER, ipc: POD, usernsOptions };
    const pod = await TestPod.run(host.berth, "mapped", { linux: { securityContext: { namespaceOptions } } });
    const securityContext = { namespaceOptions, runAsUser: { value: 1000n }, runAsGroup: { value: 1001n } };
    const id = await pod.shell("main", image, sleep, { linux: { securityContext } });
    // socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), which needs no privilege.
    await execSync(host.berth, id, "/usr/bin/perl", "-e", "socket(my $s, 2, 2, 1) or die $!");
  });

  test("are the host's, including its name, in a pod on the host's network", limit, async () => {
    const namespaceOptions = { network: NamespaceMode.NODE, pid: NamespaceMode.CONTAINER };
    const linux = { securityContext: { namespaceOptions } };
    const pod = await TestPod.run(host.berth, "on-host", { hostname: "asked-for", linux });
    const id = await pod.shell("main", host.image, sleep, { linux });
    const names = await execSync(host.berth, id, "sh", "-c", "hostname; cat /etc/hostname; echo $HOSTNAME");
    assert.equal(names, `${hostname()}\n`.repeat(3));
  });
});

describe("a pod's network", () => {
  for (const { title, text } of [
    { title: "is gone", text: undefined },
    { title: "is empty", text: "" },
    { title: "is JSON of another form", text: '{"pod":{},"networks":[{}]}' },
  ]) {
    test(`is removed when the file of its attachment ${title}`, limit, async () => {
      await using berth = await TestBerth.start();
      // The bridge and its rules stay for the next pod.
      await remove(berth, await TestPod.run(berth, "first"));
      const before = await networkState(berth);
      const pod = await TestPod.run(berth, "pod", { portMappings });
      const file = join(networkDir(berth), `${pod.id}.json`);
      if (text === undefined) await rm(file);
      else await writeFile(file, text);
      await remove(berth, pod);
      await assertNothingAdded(berth, before);
      assert.deepEqual(await readdir(networkDir(berth)), []);
    });
  }

  test(
    "with two families gives a pod an address of each, both of which reach other pods",
    limit,
    async () => {
      await using registry = await startBusyboxRegistry();
      const network = bridgeNetwork() as { readonly plugins: readonly [{ readonly ipam: Ranges }] };
      const [bridge, ...others] = network.plugins;
      const ranges = [...bridge.ipam.ranges, [{ subnet: "fd00:be27:4::/64" }]];
      const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }];
      const plugins = [{ ...bridge, ipam: { ...bridge.ipam, ranges, routes } }, ...others];
      await using berth = await TestBerth.start({ network: { ...network, plugins } });
      await berth.pull(registry.image);
      const asked = await TestPod.run(berth, "asked");
      const asks = await TestPod.run(berth, "asks");
      const id = await asks.shell("main", registry.image, "exec sleep 1000");
      const addresses = await addressesOf(berth, asked);
      assert.deepEqual(addresses.map(isIP), [4, 6]);
      for (const address of addresses) await execSync(berth, id, "ping", "-c", "1", "-W", "5", address);
    },
  );

  test(
    "does not prevent the removal of a pod whose plugin is gone, as a kubelet does it",
    limit,
    async () => {
      await using plugins = await tempDir();
      const helper = join(plugins.path, "berth-helper");
      const network = bridgeNetwork() as { readonly plugins: readonly object[] };
      const chain = { ...network, plugins: [...network.plugins, { type: "berth-helper" }] };
      // It passes on its input.
      await writeFile(helper, "#!/bin/sh\n[ $CNI_COMMAND != ADD ] || sed 's/.*\"prevResult\"://; s/}$//'\n", {
        mode: 0o755,
      });
      await using berth = await TestBerth.start({
        network: chain,
        pluginDirs: [plugins.path],
        giveUpAfter: "2s",
      });
      const { runtime } = berth.clients;
      await remove(berth, await TestPod.run(berth, "first"));
      const before = await networkState(berth);
      const pod = await TestPod.run(berth, "pod", { portMappings });
      await rm(helper);
      await assert.rejects(runtime.stopPodSandbox({ podSandboxId: pod.id }), /berth-helper is not installed/);
      await eventually("the pod is stopped", () =>
        runtime.stopPodSandbox({ podSandboxId: pod.id }).then(
          () => true,
          () => false,
        ),
      );
      await runtime.removePodSandbox({ podSandboxId: pod.id });
      await assertNothingAdded(berth, before);
      assert.match(await berth.daemonLog(), /DEL keeps failing: the pod is removed anyway/);
    },
  );
});

describe("a machine without a configured network", () => {
  const host = withBerth({ network: undefined, defaultNetwork: "bridge" });

  test("runs pods with addresses, outgoing connections and published ports", limit, async () => {
    const { berth, image } = host;
    const { status } = await berth.clients.runtime.status({ verbose: false });
    assert.deepEqual(
      status?.conditions.map(({ type, status: isTrue }) => [type, isTrue]),
      [
        ["RuntimeReady", true],
        ["NetworkReady", true],
      ],
    );
    const berthCli = (...args: readonly string[]) =>
      run(process.execPath, [cli, ...args], { env: { ...process.env, BERTH_ADDRESS: berth.socket } });
    const routes = await berthCli("run", "--rm", image, "ip", "route");
    assert.match(routes.stdout, /^default via \d+\.\d+\.\d+\.1 dev eth0/);
    const answer = "while true; do echo hello | nc -l -p 80; done";
    await berthCli("run", "-d", "--name", "web", "-p", "18084:80", image, "sh", "-c", answer);
    const read = async (args: readonly string[]) =>
      (await run("socat", args).catch(() => ({ stdout: "" }))).stdout;
    await eventually("the published port answers", async () => {
      return (await read(["-T1", "-u", "TCP:127.0.0.1:18084,connect-timeout=1", "STDOUT"])) === "hello\n";
    });
    await berth.restartDaemon("SIGKILL");
    assert.match(await read(["-T1", "-u", "TCP:127.0.0.1:18084,connect-timeout=1", "STDOUT"]), /hello/);
    await berthCli("rm", "-f", "web");
    const left = await readdir(join(dirname(networkDir(berth)), "default-network", "berth"));
    assert.deepEqual(
      left.filter((name) => /^[0-9a-f]+[.:]/.test(name)),
      [],
    );
    assert.deepEqual(await readdir(networkDir(berth)), []);
  });
});

describe("berth doctor --leaks", () => {
  const host = withBerth();

  test("finds leftovers of a removed pod, and none of an existing one", limit, async () => {
    const { berth } = host;
    const pod = await TestPod.run(berth, "there", { portMappings });
    await pod.shell("main", host.image, "exec sleep 1000");
    const { name } = JSON.parse(await readFile(join(berth.cniConfDir, "10-test.conflist"), "utf8"));
    const gone = randomBytes(32).toString("hex");
    const lease = join("/var/lib/cni/networks", name, "10.255.255.254");
    const directory = join(berth.state, "sandboxes", gone);
    const rule = ["-m", "comment", "--comment", `name: "${name}" id: "${gone}"`, "-j", "RETURN"];
    await using undo = new AsyncDisposableStack();
    await writeFile(lease, `${gone}\r\neth0`);
    undo.defer(() => rm(lease));
    await mkdir(directory);
    undo.defer(() => rm(directory, { recursive: true }));
    await run("iptables", ["-t", "nat", "-A", "POSTROUTING", ...rule]);
    undo.defer(async () => void (await run("iptables", ["-t", "nat", "-D", "POSTROUTING", ...rule])));
    const table = ["inet", "cni_plugins_masquerade"];
    const masquerade = [...table, "masq_checks"];
    // As the plugins write it, for a network whose name leaves no space for the whole id.
    const cut = `"0123456789abcdef-0123456789abcdef, net: a-network-of-a-long-name, if: eth0, id: ${gone}`;
    await run("nft", ["add", "table", ...table]);
    undo.defer(async () => void (await run("nft", ["delete", "table", ...table])));
    await run("nft", ["add", "chain", ...masquerade]);
    await run("nft", [
      "add",
      "rule",
      ...masquerade,
      "ip",
      "saddr",
      "10.255.255.254",
      "comment",
      `${cut.slice(0, 129)}"`,
    ]);
    const ownTable = instanceNames(berth.root).table;
    const element = `{ tcp . 18083 comment "${gone} eth0 test" : 10.255.255.254 . 80 }`;
    await run("nft", ["add", "element", "inet", ownTable, "ports4", element]);
    undo.defer(async () => {
      await run("nft", ["delete", "element", "inet", ownTable, "ports4", "{ tcp . 18083 }"]);
    });
    await run("ip", ["link", "add", "gone0", "type", "veth", "peer", "name", "gone1"]);
    undo.defer(async () => void (await run("ip", ["link", "delete", "gone0"])));
    const [link] = JSON.parse((await run("ip", ["-j", "link", "show", "gone0"])).stdout);
    const interfaces = [
      { name: "gone0", mac: link.address },
      { name: "gone1", mac: "00:00:00:00:00:01" },
      { name: "eth0", mac: link.address, sandbox: "/run/netns/x" },
    ];
    await writeFile(
      join(berth.root, "network", `${gone}.json`),
      JSON.stringify({ networks: [{ result: { interfaces } }] }),
    );
    undo.defer(() => rm(join(berth.root, "network", `${gone}.json`)));
    const pin = join(directory, "ns");
    await mkdir(pin);
    await run("mount", ["--bind", pin, pin]);
    undo.defer(async () => void (await run("umount", [pin])));

    const config = join(berth.directory, "config.toml");
    const { stdout } = await run(process.execPath, [
      cli,
      "doctor",
      "--leaks",
      "-o",
      "json",
      "--config",
      config,
    ]).catch((failed: { readonly stdout: string }) => failed);
    const { checks } = JSON.parse(stdout);
    const { findings } = checks.find(({ check }: { readonly check: string }) => check === "leaks");
    const texts = findings.map(
      ({ title, detail }: { title: string; detail: string }) => `${title}: ${detail}`,
    );
    // Pods of other tests leave cgroups on a shared machine.
    const ours = texts.filter((text: string) => !text.startsWith("leftover cgroups"));
    assert.match(ours.join("\n"), new RegExp(`leftover mounts: 1 that .*${pin}`));
    assert.match(ours.join("\n"), /leftover network interfaces: 1 that .*: gone0$/m);
    assert.match(
      ours.join("\n"),
      /leftover nftables rules: 2 that .*masq_checks: ip saddr 10\.255\.255\.254 /s,
    );
    assert.match(ours.join("\n"), new RegExp(`inet ${ownTable} ports4: tcp \\. 18083`));
    assert.match(ours.join("\n"), new RegExp(`leftover address reservations: 1 that .*${lease}`));
    assert.match(ours.join("\n"), new RegExp(`leftover directories: 1 that .*${directory}`));
    assert.match(ours.join("\n"), new RegExp(`leftover iptables rules: 1 that .*${gone}`));
    assert.match(ours.join("\n"), new RegExp(`leftover attachments with a pending DEL.*: 1 that .*${gone}`));
    assert.equal(ours.length, 7, ours.join("\n"));
    assert.ok(!texts.some((text: string) => text.includes(pod.id)));
  });
});

async function remove({ clients }: TestBerth, { id }: TestPod): Promise<void> {
  await clients.runtime.stopPodSandbox({ podSandboxId: id });
  await clients.runtime.removePodSandbox({ podSandboxId: id });
}

/** As seen by kubelets, the first one first. */
async function addressesOf({ clients }: TestBerth, { id }: TestPod): Promise<readonly string[]> {
  const { status } = await clients.runtime.podSandboxStatus({ podSandboxId: id, verbose: false });
  const { ip = "", additionalIps = [] } = status?.network ?? {};
  return [ip, ...additionalIps.map((additional) => additional.ip)];
}

/**
 * Waits until there is nothing that did not exist before. An interface for the next pod is recognized as such
 * only a moment after its creation.
 */
async function assertNothingAdded(berth: TestBerth, before: HostState): Promise<void> {
  let added: readonly string[] = [];
  const isClean = async () => {
    added = leftBehind(before, await networkState(berth));
    return added.length === 0;
  };
  await eventually("nothing of the pod's network is left", isClean).catch((cause: unknown) => {
    throw new Error(`left of the pod's network: ${added.join(", ")}`, { cause });
  });
}

/** Everything that plugins leave on a machine. */
async function networkState({ cniConfDir }: TestBerth): Promise<HostState> {
  const kinds = ["link", "iptables rule", "nftables element of"];
  const state = Object.entries(await readHostState()).filter(([kind]) => kinds.includes(kind));
  const { name } = JSON.parse(await readFile(join(cniConfDir, "10-test.conflist"), "utf8"));
  const reserved = await readdir(`/var/lib/cni/networks/${name}`);
  const addresses = reserved.filter((file) => /^\d+\.\d/.test(file));
  return { ...Object.fromEntries(state), address: new Set(addresses) };
}
