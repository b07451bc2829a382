import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { until } from "../../../testing/until.ts";
import type { PodAttachment } from "../index.ts";
import { assertNothingLeft, bridged, leftovers, ways } from "../testing/bridged.ts";
import { bridgeNetwork, recorder, TestNetwork } from "../testing/test-network.ts";
import { ask, echo, fails, inside, neighbour } from "../testing/traffic.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const limit = { timeout: 120_000 };
const bandwidth = { type: "bandwidth", capabilities: { bandwidth: true } };
const portmap = { type: "portmap", capabilities: { portMappings: true } };

for (const { way, builtinPlugins } of ways) {
  test(
    `a pod reaches other machines by this one's address, and other pods by its own, ${way}`,
    limit,
    async () => {
      await using rig = await bridged({ builtinPlugins });
      await using outside = await neighbour(rig);
      const pods = [await rig.pod(), await rig.pod()] as const;
      const ips = [];
      for (const pod of pods) ips.push((await rig.network.attach(pod)).ips);
      await using _four = echo(outside, "TCP-LISTEN:80");
      await using _six = echo(outside, "TCP6-LISTEN:81");
      await using _pod = echo(pods[1], "TCP-LISTEN:80");
      await inside(pods[0], "ip", "-6", "route", "add", "default", "via", "fd87::1");
      assert.equal(await ask("TCP:192.0.2.2:80", pods[0]), "from 192.0.2.1");
      assert.equal(
        await ask("TCP6:[2001:db8::2]:81", pods[0]),
        "from [2001:0db8:0000:0000:0000:0000:0000:0001]",
      );
      assert.equal(await ask(`TCP:${ips[1]?.[0]}:80`, pods[0]), `from ${ips[0]?.[0]}`);
      for (const pod of pods) await rig.network.detach(pod.sandboxId);
      await outside[Symbol.asyncDispose]();
      await assertNothingLeft(rig);
    },
  );

  test(`host ports lead to the pod from everywhere, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins, chained: [portmap] });
    await using outside = await neighbour(rig);
    const pod = await rig.pod({
      portMappings: [
        { hostPort: 18_090, containerPort: 80, protocol: "tcp" },
        { hostPort: 18_091, containerPort: 53, protocol: "udp" },
        { hostPort: 18_092, containerPort: 80, protocol: "tcp", hostIp: "192.0.2.1" },
        { hostPort: 18_093, containerPort: 81, protocol: "tcp" },
      ],
    });
    const other = await rig.pod();
    const { ips } = await rig.network.attach(pod);
    await rig.network.attach(other);
    await inside(pod, "ip", "-6", "route", "add", "default", "via", "fd87::1");
    await using _tcp = echo(pod, "TCP-LISTEN:80");
    await using _udp = echo(pod, "UDP-LISTEN:53");
    await using _six = echo(pod, "TCP6-LISTEN:81");
    assert.equal(await ask("TCP:192.0.2.1:18090", outside), "from 192.0.2.2");
    assert.equal(await ask("UDP:192.0.2.1:18091", outside), "from 192.0.2.2");
    assert.equal(await ask("TCP:192.0.2.1:18092", outside), "from 192.0.2.2");
    assert.match(await ask("TCP6:[2001:db8::1]:18093", outside), /^from \[2001:0db8:.*:0002\]$/);
    assert.equal(await ask("TCP:127.0.0.1:18090"), "from 10.87.0.1");
    assert.equal(await ask("TCP:10.87.0.1:18090", other), "from 10.87.0.1");
    await fails("TCP:10.87.0.1:18092");
    assert.ok(ips.length === 2);
    await rig.network.detach(pod.sandboxId);
    await fails("TCP:192.0.2.1:18090");
    await rig.network.detach(other.sandboxId);
    await outside[Symbol.asyncDispose]();
    await assertNothingLeft(rig);
  });

  test(
    `a full subnet is an error, and the next pod after a DEL gets the address, ${way}`,
    limit,
    async () => {
      await using rig = await TestNetwork.open({ builtinPlugins });
      const ipam = { type: "host-local", dataDir: `${rig.root}/addresses`, subnet: "10.87.1.0/30" };
      const plugins = [{ type: "bridge", bridge: "berth-test1", isGateway: true, ipMasq: true, ipam }];
      await rig.configure({ cniVersion: "1.0.0", name: "test", plugins });
      await rig.restart();
      const [first, second] = [await rig.pod(), await rig.pod()];
      const { ips } = await rig.network.attach(first);
      assert.deepEqual(ips, ["10.87.1.2"]);
      await assert.rejects(rig.network.attach(second), {
        code: "Internal",
        message: /bridge failed at ADD: .*no IP addresses available in range set: 10\.87\.1\.1-10\.87\.1\.2/,
      });
      await rig.network.detach(first.sandboxId);
      assert.deepEqual((await rig.network.attach(second)).ips, ips);
      await rig.network.detach(second.sandboxId);
      await assertNothingLeft(rig);
    },
  );

  test(
    `a link that is not a bridge, and a bridge with another address, are errors, ${way}`,
    limit,
    async () => {
      await using rig = await bridged({ builtinPlugins });
      const pod = await rig.pod();
      await run("ip", ["link", "set", "berth-test0", "down"]).catch(() => undefined);
      await run("ip", ["link", "delete", "berth-test0"]).catch(() => undefined);
      await run("ip", ["link", "add", "berth-test0", "type", "veth"]);
      await assert.rejects(rig.network.attach(pod), /"berth-test0" already exists but is not a bridge/);
      await run("ip", ["link", "delete", "berth-test0"]);
      await run("ip", ["link", "add", "berth-test0", "type", "bridge"]);
      await run("ip", ["addr", "add", "10.99.0.1/24", "dev", "berth-test0"]);
      await assert.rejects(
        rig.network.attach(pod),
        /"berth-test0" already has an IP address different from 10\.87\.0\.1\/24/,
      );
      await run("ip", ["link", "delete", "berth-test0"]);
      await rig.network.attach(pod);
      await rig.network.detach(pod.sandboxId);
      await assertNothingLeft(rig);
    },
  );

  test(`nothing stays of a pod whose network's configuration is refused, ${way}`, limit, async () => {
    await using rig = await TestNetwork.open({ builtinPlugins });
    const ipam = { type: "host-local", dataDir: `${rig.root}/addresses`, subnet: "10.87.0.0/24" };
    const plugins = [{ type: "bridge", bridge: "berth-test0", hairpinMode: true, promiscMode: true, ipam }];
    await rig.configure({ cniVersion: "1.0.0", name: "test", plugins });
    await rig.restart();
    const refused = /cannot set hairpin mode and promiscuous mode at the same time/;
    await assert.rejects(rig.network.attach(await rig.pod()), refused);
    assert.deepEqual(await rig.network.attachments(), []);
    await assertNothingLeft(rig);
  });

  test(`results have the same form, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins });
    const pod = await rig.pod();
    await rig.network.attach(pod);
    const [described] = await rig.network.describe(pod.sandboxId);
    assert.match(await inside(pod, "ip", "route"), /^default via 10\.87\.0\.1 dev eth0/);
    await rig.network.detach(pod.sandboxId);
    const text = JSON.stringify(described?.result)
      .replaceAll(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, "MAC")
      .replaceAll(/veth[0-9a-f]{8}/g, "VETH")
      .replaceAll(pod.netnsPath, "NETNS");
    // Plugins built with libcni 1.3 omit an empty dns.
    assert.deepEqual(
      { dns: {}, ...JSON.parse(text) },
      {
        cniVersion: "1.0.0",
        interfaces: [
          { name: "berth-test0", mac: "MAC" },
          { name: "VETH", mac: "MAC" },
          { name: "eth0", mac: "MAC", sandbox: "NETNS" },
        ],
        ips: [
          { interface: 2, address: "10.87.0.2/24", gateway: "10.87.0.1" },
          { interface: 2, address: "fd87::2/64", gateway: "fd87::1" },
        ],
        routes: [{ dst: "0.0.0.0/0" }],
        dns: {},
      },
    );
    await assertNothingLeft(rig);
  });
}

test(
  "programs and the built-in plugins allocate addresses in turn, and each removes its own attachments",
  limit,
  async () => {
    await using rig = await bridged({ chained: [portmap] });
    const pods = [];
    const ips = [];
    for (const [index, builtinPlugins] of [true, false, true, false].entries()) {
      await rig.restart({ builtinPlugins });
      const ports = [{ hostPort: 18_100 + index, containerPort: 80, protocol: "tcp" as const }];
      const pod = await rig.pod({ portMappings: ports });
      ips.push((await rig.network.attach(pod)).ips[0]);
      pods.push(pod);
    }
    assert.deepEqual(ips, ["10.87.0.2", "10.87.0.3", "10.87.0.4", "10.87.0.5"]);
    for (const [index, { sandboxId }] of pods.entries()) {
      await rig.restart({ builtinPlugins: index >= 2 });
      await rig.network.detach(sandboxId);
    }
    await assertNothingLeft(rig);
  },
);

test("many pods need no additional rules, and ten at once get different addresses", limit, async () => {
  await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
  const attach = async (index: number) => {
    const ports = [{ hostPort: 18_200 + index, containerPort: 80, protocol: "tcp" as const }];
    const pod = await rig.pod({ portMappings: ports });
    return { pod, ips: (await rig.network.attach(pod)).ips };
  };
  const rules = async () => (await run("nft", ["list", "table", "inet", "berth"])).stdout.match(/comment "/g);
  const first = await attach(0);
  const before = (await run("nft", ["-j", "list", "table", "inet", "berth"])).stdout.match(
    /"rule":/g,
  )?.length;
  const more = await Promise.all(Array.from({ length: 10 }, (_, index) => attach(index + 1)));
  const after = (await run("nft", ["-j", "list", "table", "inet", "berth"])).stdout.match(/"rule":/g)?.length;
  assert.equal(after, before);
  assert.ok((await rules()) !== null);
  const all = [first, ...more];
  assert.equal(new Set(all.flatMap(({ ips }) => ips)).size, 22);
  await Promise.all(all.map(({ pod }) => rig.network.detach(pod.sandboxId)));
  await assertNothingLeft(rig);
});

for (const { what, command } of [
  { what: "removes all tables", command: ["flush", "ruleset"] },
  { what: "empties berth's table", command: ["flush", "table", "inet", "berth"] },
]) {
  test(`rules of existing pods are restored after a firewall ${what}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
    const pod = await rig.pod({ portMappings: [{ hostPort: 18_110, containerPort: 80, protocol: "tcp" }] });
    await rig.network.attach(pod);
    await using _server = echo(pod, "TCP-LISTEN:80");
    assert.equal(await ask("TCP:10.87.0.1:18110"), "from 10.87.0.1");
    await run("nft", command);
    await fails("TCP:10.87.0.1:18110");
    const next = await rig.pod();
    await rig.network.attach(next);
    assert.equal(await ask("TCP:10.87.0.1:18110"), "from 10.87.0.1");
    for (const { sandboxId } of [pod, next]) await rig.network.detach(sandboxId);
    await assertNothingLeft(rig);
  });
}

for (const { what, options } of [
  { what: "the same settings", options: {} },
  { what: "plugin programs", options: { builtinPlugins: false } },
]) {
  test(
    `rules that a firewall removed while no daemon ran are restored by one with ${what}`,
    limit,
    async () => {
      await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
      const portMappings = [{ hostPort: 18_112, containerPort: 80, protocol: "tcp" as const }];
      const [pod, gone] = [await rig.pod({ portMappings }), await rig.pod()];
      await rig.network.attach(pod);
      await rig.network.attach(gone);
      await rig.loseNamespace(gone);
      await using _server = echo(pod, "TCP-LISTEN:80");
      await run("nft", ["flush", "ruleset"]);
      await rig.restart(options);
      assert.equal(await ask("TCP:10.87.0.1:18112"), "from 10.87.0.1");
      const { rules } = await leftovers(rig);
      assert.deepEqual(
        rules.filter((rule) => rule.includes(gone.sandboxId)),
        [],
      );
      await run("nft", ["flush", "ruleset"]);
      assert.equal(await ask("TCP:10.87.0.1:18112"), "from 10.87.0.1");
      for (const { sandboxId } of [pod, gone]) await rig.network.detach(sandboxId);
      await assertNothingLeft(rig);
    },
  );
}

test("a firewall that loads berth's table as it was before changes nothing for long", limit, async () => {
  await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
  const pods = [];
  for (const hostPort of [18_113, 18_114])
    pods.push(await rig.pod({ portMappings: [{ hostPort, containerPort: 80, protocol: "tcp" }] }));
  const [gone, late] = pods;
  assert.ok(gone !== undefined && late !== undefined);
  await rig.network.attach(gone);
  const saved = `${rig.root}/saved.nft`;
  await writeFile(saved, `flush ruleset\n${(await run("nft", ["list", "ruleset"])).stdout}`);
  await rig.network.detach(gone.sandboxId);
  await rig.network.attach(late);
  await using _server = echo(late, "TCP-LISTEN:80");
  await run("nft", ["-f", saved]);
  await fails("TCP:10.87.0.1:18114");
  assert.equal(await ask("TCP:10.87.0.1:18114"), "from 10.87.0.1");
  await rig.network.detach(late.sandboxId);
  await assertNothingLeft(rig);
});

test("rules that could not be restored are restored when they are lost again", limit, async () => {
  await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
  const pod = await rig.pod({ portMappings: [{ hostPort: 18_111, containerPort: 80, protocol: "tcp" }] });
  await rig.network.attach(pod);
  await using _server = echo(pod, "TCP-LISTEN:80");
  const { cacheDir } = rig.options;
  await using away = new AsyncDisposableStack();
  await rename(cacheDir, `${cacheDir}.away`);
  away.defer(() => rename(`${cacheDir}.away`, cacheDir));
  await run("nft", ["flush", "ruleset"]);
  await until(async () => (await run("nft", ["list", "tables"])).stdout.includes("berth"));
  // After the first attempt, which finds no pod's file.
  await rig.network.detach("0".repeat(64));
  await away.disposeAsync();
  await run("nft", ["flush", "ruleset"]);
  const asked = () => ask("TCP:10.87.0.1:18111").catch(() => "");
  await until(async () => (await asked()) === "from 10.87.0.1");
  await rig.network.detach(pod.sandboxId);
  await assertNothingLeft(rig);
});

test(
  "a host port that two pods request belongs to the last one, and only its DEL removes it",
  limit,
  async () => {
    await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
    const portMappings = [{ hostPort: 18_120, containerPort: 80, protocol: "tcp" as const }];
    const [first, second] = [await rig.pod({ portMappings }), await rig.pod({ portMappings })];
    await rig.network.attach(first);
    await rig.network.attach(second);
    await using _server = echo(second, "TCP-LISTEN:80");
    assert.equal(await ask("TCP:10.87.0.1:18120"), "from 10.87.0.1");
    await rig.network.detach(first.sandboxId);
    assert.equal(await ask("TCP:10.87.0.1:18120"), "from 10.87.0.1");
    await rig.network.detach(second.sandboxId);
    await assertNothingLeft(rig);
  },
);

test(
  "pods do not reach what listens on this machine's loopback address, despite host ports",
  limit,
  async () => {
    await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
    const pod = await rig.pod({ portMappings: [{ hostPort: 18_123, containerPort: 80, protocol: "tcp" }] });
    await rig.network.attach(pod);
    await using _pod = echo(pod, "TCP-LISTEN:80");
    assert.equal(await ask("TCP:127.0.0.1:18123"), "from 10.87.0.1");
    await using _local = echo({ ...pod, netnsPath: "/proc/self/ns/net" }, "TCP-LISTEN:18124,bind=127.0.0.1");
    assert.equal(await ask("TCP:127.0.0.1:18124"), "from 127.0.0.1");
    // What a pod may do that has the capability NET_ADMIN; with NET_RAW it can make such packets itself.
    await inside(pod, "ip", "address", "delete", "127.0.0.1/8", "dev", "lo");
    await inside(pod, "ip", "route", "add", "127.0.0.1", "via", "10.87.0.1");
    await inside(pod, "sysctl", "-w", "net.ipv4.conf.eth0.route_localnet=1");
    const asked = ["socat", "-T1", "-u", "TCP:127.0.0.1:18124,connect-timeout=1", "STDOUT"] as const;
    await assert.rejects(inside(pod, ...asked));
    assert.equal(await ask("TCP:127.0.0.1:18123"), "from 10.87.0.1");
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  },
);

for (const { way, builtinPlugins } of ways) {
  test(`a port that a pod requests twice leads to the first of its ports, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins, chained: [portmap] });
    const common = { hostPort: 18_121, protocol: "tcp" as const };
    const portMappings = [
      { ...common, containerPort: 80 },
      { ...common, containerPort: 81, hostIp: "0.0.0.0" },
      { ...common, containerPort: 82, hostIp: "::" },
    ];
    const pod = await rig.pod({ portMappings });
    await rig.network.attach(pod);
    await using _server = echo(pod, "TCP-LISTEN:80");
    assert.equal(await ask("TCP:10.87.0.1:18121"), "from 10.87.0.1");
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  });
}

test(
  "a host port that two pods request is the first one's again when the last one has gone",
  limit,
  async () => {
    await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
    const portMappings = [{ hostPort: 18_122, containerPort: 80, protocol: "tcp" as const }];
    const [first, second] = [await rig.pod({ portMappings }), await rig.pod({ portMappings })];
    await rig.network.attach(first);
    await rig.network.attach(second);
    await rig.network.detach(second.sandboxId);
    await using _server = echo(first, "TCP-LISTEN:80");
    assert.equal(await ask("TCP:10.87.0.1:18122"), "from 10.87.0.1");
    await rig.network.detach(first.sandboxId);
    await assertNothingLeft(rig);
  },
);

test(
  "a host port that several pods request is the last one's again after a firewall has removed all rules",
  limit,
  async () => {
    await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
    const portMappings = [{ hostPort: 18_125, containerPort: 80, protocol: "tcp" as const }];
    const pods = [];
    for (let count = 0; count < 6; count++) {
      const pod = await rig.pod({ portMappings });
      await rig.network.attach(pod);
      pods.push(pod);
    }
    const last = pods.at(-1);
    assert.ok(last !== undefined);
    await using _server = echo(last, "TCP-LISTEN:80");
    await run("nft", ["flush", "ruleset"]);
    await rig.restart();
    assert.equal(await ask("TCP:10.87.0.1:18125"), "from 10.87.0.1");
    for (const { sandboxId } of pods) await rig.network.detach(sandboxId);
    await assertNothingLeft(rig);
  },
);

test("a plugin that hangs does not keep the rules of other pods from being restored", limit, async () => {
  await using rig = await TestNetwork.open({ builtinPlugins: true });
  const go = `${rig.root}/go`;
  const hangInDel = `case $CNI_COMMAND in ADD) echo "$RESULT" ;; DEL) until [ -e ${go} ]; do sleep 0.1; done ;; esac`;
  await rig.plugin("stuck", recorder(hangInDel));
  await rig.configure({ cniVersion: "1.0.0", name: "stuck", plugins: [{ type: "stuck" }] });
  await rig.restart();
  const hanging = await rig.pod();
  await rig.network.attach(hanging);
  await rig.configure(bridgeNetwork(rig, { chained: [portmap] }));
  await rig.restart();
  const detached = rig.network.detach(hanging.sandboxId);
  try {
    await until(async () => (await rig.commands("stuck")).includes("DEL"));
    const pod = await rig.pod({ portMappings: [{ hostPort: 18_127, containerPort: 80, protocol: "tcp" }] });
    await rig.network.attach(pod);
    await using _server = echo(pod, "TCP-LISTEN:80");
    assert.equal(await ask("TCP:10.87.0.1:18127"), "from 10.87.0.1");
    await run("nft", ["flush", "ruleset"]);
    const next = await rig.pod();
    await rig.network.attach(next);
    assert.equal(await ask("TCP:10.87.0.1:18127"), "from 10.87.0.1");
    for (const { sandboxId } of [pod, next]) await rig.network.detach(sandboxId);
  } finally {
    await writeFile(go, "");
    await detached;
  }
  await assertNothingLeft(rig);
});

test(
  "a host port of a pod that ended while no daemon ran is another one's once that pod is detached",
  limit,
  async () => {
    await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
    const portMappings = [{ hostPort: 18_126, containerPort: 80, protocol: "tcp" as const }];
    const [first, second] = [await rig.pod({ portMappings }), await rig.pod({ portMappings })];
    await rig.network.attach(first);
    await rig.network.attach(second);
    await rig.loseNamespace(second);
    await rig.restart();
    await using _server = echo(first, "TCP-LISTEN:80");
    await rig.network.detach(second.sandboxId);
    assert.equal(await ask("TCP:10.87.0.1:18126"), "from 10.87.0.1");
    await rig.network.detach(first.sandboxId);
    await assertNothingLeft(rig);
  },
);

for (const { way, builtinPlugins } of ways) {
  test(
    `a client that keeps sending to a UDP port reaches the pod that has it now, ${way}`,
    limit,
    async () => {
      await using rig = await bridged({ builtinPlugins, chained: [portmap] });
      await using outside = await neighbour(rig);
      const portMappings = [{ hostPort: 18_150, containerPort: 53, protocol: "udp" as const }];
      // The first pod enables connection tracking.
      const pods = [
        await rig.pod(),
        await rig.pod({ portMappings }),
        await rig.pod({ portMappings }),
      ] as const;
      await rig.network.attach(pods[0]);
      const send = ["socat", "-u", "STDIN", "UDP:192.0.2.1:18150,sourceport=5555"];
      await inside(outside, "sh", "-c", `echo early | ${send.join(" ")}`);
      for (const [index, pod] of pods.slice(1).entries()) {
        const { ips } = await rig.network.attach(pod);
        const answer = `SYSTEM:echo pod ${index}`;
        await using _server = echo(pod, "UDP-LISTEN:53", answer);
        const started = performance.now();
        assert.equal(await ask("UDP:192.0.2.1:18150,sourceport=5555", outside), `pod ${index}`);
        assert.ok(performance.now() - started < 15_000 && ips.length === 2);
        await rig.network.detach(pod.sandboxId);
      }
      await rig.network.detach(pods[0].sandboxId);
      await outside[Symbol.asyncDispose]();
      await assertNothingLeft(rig);
    },
  );
}

test("nothing stays of a pod of which only the name is known", limit, async () => {
  await using rig = await bridged({
    builtinPlugins: true,
    chained: [portmap, bandwidth, { type: "firewall" }],
  });
  const pod = await rig.pod({
    portMappings: [{ hostPort: 18_160, containerPort: 80, protocol: "tcp" }],
    bandwidth: { egressRate: 1_000_000 },
  });
  await rig.network.attach(pod);
  await writeFile(`${rig.options.cacheDir}/${pod.sandboxId}.json`, "{");
  await rig.loseNamespace(pod);
  // Of a network whose dataDir is this one's directory.
  await mkdir(`${rig.root}/addresses/test/other`);
  await rig.network.detach(pod.sandboxId);
  await assertNothingLeft(rig);
});

test("an interface name that is taken on the host is skipped", limit, async () => {
  await using rig = await bridged({ builtinPlugins: true });
  const pod = await rig.pod();
  await rig.network.attach(pod);
  const [described] = await rig.network.describe(pod.sandboxId);
  const name = JSON.stringify(described?.result).match(/veth[0-9a-f]{8}/)?.[0] ?? "";
  await rig.network.detach(pod.sandboxId);
  await assertNothingLeft(rig);
  await run("ip", ["link", "add", name, "type", "veth", "peer", "name", "taken1"]);
  const { ips } = await rig.network.attach(pod);
  assert.equal(ips.length, 2);
  await rig.network.detach(pod.sandboxId);
  const { stdout } = await run("ip", ["-br", "link", "show", "taken1"]);
  assert.match(stdout, new RegExp(`taken1@${name}`));
  await run("ip", ["link", "delete", name]);
});

for (const { way, builtinPlugins } of ways) {
  test(`an existing interface in the pod is an error that names it, and stays, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins });
    const pod = await rig.pod();
    await inside(pod, "ip", "link", "add", "eth0", "type", "veth");
    await assert.rejects(rig.network.attach(pod), /bridge failed at ADD: .*eth0.* already exists/);
    assert.deepEqual((await leftovers(rig)).addresses, []);
  });

  test(`empty texts in an IPAM configuration count as left out, ${way}`, limit, async () => {
    await using rig = await TestNetwork.open({ builtinPlugins });
    const plugin = (number: number, ipam: object) => ({
      type: "bridge",
      bridge: `berth-empty${number}`,
      isDefaultGateway: true,
      ipam,
    });
    const routes = [{ dst: "198.51.100.0/24", gw: "" }];
    const dataDir = `${rig.root}/addresses`;
    for (const [number, ipam] of [
      { type: "host-local", subnet: "10.87.0.0/24", rangeStart: "", gateway: "", routes, dataDir },
      { type: "static", addresses: [{ address: "10.87.1.7/24", gateway: "" }], routes },
    ].entries()) {
      await rig.configure({ cniVersion: "1.0.0", name: "test", plugins: [plugin(number, ipam)] });
      await rig.restart();
      const pod = await rig.pod();
      await rig.network.attach(pod);
      assert.match(await inside(pod, "ip", "route"), /198\.51\.100\.0\/24 (via 10\.87\.\d\.1 )?dev eth0/);
      await rig.network.detach(pod.sandboxId);
    }
    await assertNothingLeft(rig);
  });
}

test("the first pod of a new bridge reaches its IPv6 gateway at once", limit, async () => {
  await run("ip", ["link", "delete", "berth-test0"]).catch(() => undefined);
  await using rig = await bridged({ builtinPlugins: true });
  const pod = await rig.pod();
  await rig.network.attach(pod);
  const { stdout } = await run("ip", ["-6", "address", "show", "dev", "berth-test0", "scope", "global"]);
  assert.match(stdout, /fd87::1\/64/);
  assert.doesNotMatch(stdout, /tentative/);
  await rig.network.detach(pod.sandboxId);
  await assertNothingLeft(rig);
});

test("options of the bridge are set in the kernel", limit, async () => {
  await using rig = await TestNetwork.open({ builtinPlugins: true });
  const ipam = { type: "host-local", dataDir: `${rig.root}/addresses`, subnet: "10.87.2.0/24" };
  const bridge = {
    type: "bridge",
    bridge: "berth-test2",
    isDefaultGateway: true,
    mtu: 1400,
    hairpinMode: true,
    portIsolation: true,
    ipam,
  };
  await rig.configure({ cniVersion: "1.0.0", name: "test", plugins: [bridge] });
  await rig.restart();
  const pod = await rig.pod();
  await rig.network.attach(pod);
  const { stdout } = await run("ip", ["-d", "-j", "link", "show", "master", "berth-test2"]);
  const [port] = JSON.parse(stdout);
  assert.deepEqual(
    {
      mtu: port.mtu,
      hairpin: port.linkinfo.info_slave_data.hairpin,
      isolated: port.linkinfo.info_slave_data.isolated,
    },
    { mtu: 1400, hairpin: true, isolated: true },
  );
  assert.match(await inside(pod, "ip", "route"), /default via 10\.87\.2\.1/);
  await rig.network.detach(pod.sandboxId);
});

const keptForPrograms: readonly { readonly what: string; readonly plugin: object }[] = [
  { what: "a key that is not known", plugin: { newKey: 1 } },
  { what: "a VLAN", plugin: { vlan: 7 } },
  { what: "a value of the wrong kind", plugin: { isGateway: "yes" } },
  { what: "another address management", plugin: { ipam: { type: "dhcp" } } },
];

for (const { what, plugin } of keptForPrograms) {
  test(`a network with ${what} is left to the programs`, limit, async () => {
    await using rig = await TestNetwork.open({ builtinPlugins: true });
    await rig.plugin("bridge", 'echo "{\\"ips\\":[{\\"address\\":\\"10.9.0.9/24\\"}]}"');
    const ipam = { type: "host-local", subnet: "10.87.3.0/24", dataDir: `${rig.root}/addresses` };
    await rig.configure({
      cniVersion: "1.0.0",
      name: "test",
      plugins: [{ type: "bridge", ipam, ...plugin }],
    });
    await rig.restart();
    const pod = await rig.pod();
    assert.deepEqual((await rig.network.attach(pod)).ips, ["10.9.0.9"]);
    await rig.network.detach(pod.sandboxId);
  });
}

const additions = [
  "bridge",
  "addresses",
  "veth",
  "pod interface",
  "gateway",
  "masquerade",
  "ports",
  "ingress limit",
  "egress link",
  "egress limit",
  "admittance",
];
const removals = [
  "undo admittance",
  "undo egress link",
  "undo ports",
  "undo veth",
  "undo masquerade",
  "undo addresses",
];

for (const step of [...additions, ...removals]) {
  test(
    `leftovers of a daemon that was killed before the step ${step} are removed by the next one`,
    limit,
    async () => {
      await using rig = await bridged({
        builtinPlugins: true,
        chained: [portmap, bandwidth, { type: "firewall" }],
      });
      const pod = await rig.pod({
        portMappings: [{ hostPort: 18_130, containerPort: 80, protocol: "tcp" }],
        bandwidth: { ingressRate: 1_000_000, egressRate: 1_000_000 },
      });
      const command = removals.includes(step) ? "DEL" : "ADD";
      if (command === "DEL") await rig.network.attach(pod);
      await dieAt(step, rig, pod, command);
      await rig.restart();
      assert.deepEqual(await rig.network.attachments(), [pod.sandboxId]);
      await rig.network.detach(pod.sandboxId);
      await assertNothingLeft(rig);
      assert.deepEqual(
        (await readdir(`${rig.root}/addresses/test`)).filter((name) => name.startsWith("berth-")),
        [],
      );
      const { ips } = await rig.network.attach(pod);
      assert.equal(ips.length, 2);
      await rig.network.detach(pod.sandboxId);
      await assertNothingLeft(rig);
    },
  );
}

/** Runs a daemon that executes one command and is killed before a step of it. */
async function dieAt(
  step: string,
  rig: TestNetwork,
  pod: PodAttachment,
  command: "ADD" | "DEL",
): Promise<void> {
  const script = new URL("../testing/once.ts", import.meta.url).pathname;
  const builtinThread = new URL("../testing/ending-thread.ts", import.meta.url).href;
  const options = { ...rig.options, builtinThread };
  const daemon = spawn(process.execPath, [script, JSON.stringify({ options, pod, command })], {
    stdio: "ignore",
    env: { ...process.env, BERTH_TEST_END_AT: step },
  });
  const [, signal] = await once(daemon, "exit");
  assert.equal(signal, "SIGKILL");
}

test("a network's GC removes the rules of pods that it does not list", limit, async () => {
  await using rig = await bridged({ builtinPlugins: true, chained: [portmap] });
  const config = { ...bridgeNetwork(rig, { chained: [portmap] }), cniVersion: "1.1.0" };
  const pod = await rig.pod({ portMappings: [{ hostPort: 18_140, containerPort: 80, protocol: "tcp" }] });
  await rig.network.attach(pod);
  await rm(`${rig.options.cacheDir}/${pod.sandboxId}.json`);
  assert.equal((await leftovers(rig)).rules.length, 4);
  await rig.configure(config);
  await rig.restart();
  await until(async () => (await leftovers(rig)).rules.length === 0);
  await rig.network.detach(pod.sandboxId, { pod });
  await assertNothingLeft(rig);
});
