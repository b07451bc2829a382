import assert from "node:assert/strict";
import { test } from "node:test";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { builtinObstacle } from "../index.ts";
import { assertNothingLeft, bridged, ways } from "../testing/bridged.ts";
import { bridgeNetwork, TestNetwork } from "../testing/test-network.ts";
import { inside } from "../testing/traffic.ts";

await enterPrivateNetwork();

const limit = { timeout: 120_000 };

// The programs 1.1.1 and 1.10.0 cannot set such a sysctl (findings/sysctl-of-an-interface-with-a-dot.sh).
test("a sysctl of an interface with a dot in its name is written as in sysctl(8)", limit, async () => {
  const sysctl = { "net.ipv4.conf.eth0/100.arp_filter": "1", "net/ipv4/conf/eth0.100/arp_ignore": "2" };
  await using rig = await bridged({ builtinPlugins: true, chained: [{ type: "tuning", sysctl }] });
  const pod = await rig.pod();
  await inside(pod, "ip", "link", "add", "eth0.100", "type", "veth", "peer", "name", "other");
  await rig.network.attach(pod);
  assert.equal(await inside(pod, "sysctl", "-n", ...Object.keys(sysctl)), "1\n2\n");
  await rig.network.detach(pod.sandboxId);
  await assertNothingLeft(rig);
});

for (const { way, builtinPlugins } of ways) {
  test(`a pod's interface has the settings of the plugin tuning, ${way}`, limit, async () => {
    const tuning = {
      type: "tuning",
      sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1", "net.core.somaxconn": "500" },
      mac: "c2:b0:57:49:47:f1",
      mtu: 1454,
      promisc: true,
      allmulti: true,
    };
    await using rig = await bridged({ builtinPlugins, chained: [tuning] });
    const pod = await rig.pod();
    const { interfaces } = await rig.network.attach(pod);
    assert.equal(interfaces[0]?.mac, tuning.mac);
    const [link] = JSON.parse(await inside(pod, "ip", "-j", "-d", "link", "show", "eth0"));
    assert.deepEqual(
      { mac: link.address, mtu: link.mtu, promiscuous: link.promiscuity > 0 },
      { mac: tuning.mac, mtu: 1454, promiscuous: true },
    );
    assert.ok(link.flags.includes("ALLMULTI"));
    const names = ["net.ipv4.conf.eth0.arp_filter", "net.core.somaxconn"];
    assert.equal(await inside(pod, "sysctl", "-n", ...names), "1\n500\n");
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  });

  test(`a sysctl outside the network is rejected, ${way}`, limit, async () => {
    const sysctl = { "kernel.hostname": "x" };
    await using rig = await bridged({ builtinPlugins, chained: [{ type: "tuning", sysctl }] });
    await assert.rejects(rig.network.attach(await rig.pod()), /tuning failed at ADD/);
    await assertNothingLeft(rig);
  });

  test(`a pod has the addresses of the plugin static, ${way}`, limit, async () => {
    await using rig = await TestNetwork.open({ builtinPlugins });
    const addresses = [{ address: "10.87.9.7/24", gateway: "10.87.9.1" }, { address: "fd87:9::7/64" }];
    const ipam = {
      type: "static",
      addresses,
      routes: [{ dst: "0.0.0.0/0" }],
      dns: { nameservers: ["10.0.0.1"] },
    };
    const bridge = { type: "bridge", bridge: "berth-static", isGateway: true, ipam };
    await rig.configure({ cniVersion: "1.0.0", name: "test", plugins: [bridge] });
    await rig.restart();
    const pod = await rig.pod();
    const { ips } = await rig.network.attach(pod);
    assert.deepEqual(ips, ["10.87.9.7", "fd87:9::7"]);
    assert.match(await inside(pod, "ip", "route"), /^default via 10\.87\.9\.1 dev eth0/);
    const [described] = await rig.network.describe(pod.sandboxId);
    // Programs of version 1.1 omit what current ones pass on.
    if (builtinPlugins) assert.deepEqual(described?.result?.dns, ipam.dns);
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  });
}

test("invalid or unknown settings of tuning are left to the program", async () => {
  await using rig = await TestNetwork.open();
  for (const wrong of [
    { mtu: "1400" },
    { sysctl: { "net.a": 1 } },
    { mac: "x" },
    { promisc: 1 },
    { args: {} },
  ]) {
    const config = bridgeNetwork(rig, { chained: [{ type: "tuning", ...wrong }] });
    assert.match(builtinObstacle(JSON.stringify(config)) ?? "", /^plugin tuning: /);
  }
});
