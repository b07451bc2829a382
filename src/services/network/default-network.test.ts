import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../../testing/private-network.ts";
import { until } from "../../testing/until.ts";
import { isWithin, parseIp, parseIpNetwork } from "./builtin/ip-address.ts";
import type { DefaultSubnets } from "./default-subnets.ts";
import { chooseSubnets, overlap } from "./default-subnets.ts";
import { instanceNames, type PodAttachment } from "./index.ts";
import { bridgeNetwork, TestNetwork } from "./testing/test-network.ts";
import { ask, echo, fails, inside, neighbour } from "./testing/traffic.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const limit = { timeout: 120_000 };

/** A machine without a configured network and without plugins. */
async function freshMachine(): Promise<TestNetwork> {
  return await TestNetwork.open({ default: "bridge", binDirs: [] });
}

/** The reserved addresses of the default network. */
async function reserved({ options }: TestNetwork): Promise<readonly string[]> {
  const names = await readdir(`${options.defaultDir}/berth`);
  return names.filter((name) => parseIp(name) !== undefined);
}

/** For each family: masquerading, forwarding of its packets, and access to its host ports. */
const elementsOfPod = 6;

async function elements(table = "berth"): Promise<number> {
  const { stdout } = await run("nft", ["list", "table", "inet", table]);
  return stdout.match(/comment "[0-9a-f]{64} /g)?.length ?? 0;
}

async function removeAll(rig: TestNetwork, ...pods: readonly PodAttachment[]): Promise<void> {
  for (const { sandboxId } of pods) await rig.network.detach(sandboxId);
  assert.deepEqual(await reserved(rig), []);
  assert.equal(await elements(rig.options.names.table), 0);
  await run("ip", ["link", "delete", rig.options.names.bridge]);
}

test(
  "pods of a fresh machine have a network: of both families, masqueraded, with host ports",
  limit,
  async () => {
    await using rig = await freshMachine();
    assert.deepEqual(rig.network.status(), { kind: "ready" });
    await using outside = await neighbour(rig);
    const portMappings = [{ hostPort: 18_190, containerPort: 80, protocol: "tcp" as const }];
    const [pod, other] = [await rig.pod({ portMappings }), await rig.pod()];
    const { ips } = await rig.network.attach(pod);
    await rig.network.attach(other);
    assert.match(ips[0] ?? "", /^\d+\.\d+\.0\.2$/);
    assert.match(ips[1] ?? "", /^fd.*::2$/);
    await using _four = echo(outside, "TCP-LISTEN:80");
    await using _six = echo(outside, "TCP6-LISTEN:81");
    await using _pod = echo(pod, "TCP-LISTEN:80");
    assert.equal(await ask("TCP:192.0.2.2:80", pod), "from 192.0.2.1");
    assert.match(await ask("TCP6:[2001:db8::2]:81", pod), /^from \[2001:0db8:.*:0001\]$/);
    assert.equal(await ask("TCP:192.0.2.1:18190", outside), "from 192.0.2.2");
    assert.match(await ask(`TCP:${ips[0]}:80`, other), /\.0\.3$/);
    await removeAll(rig, pod, other);
  },
);

test("the default network's subnets stay the same after a restart", limit, async () => {
  await using rig = await freshMachine();
  const pods = [await rig.pod(), await rig.pod()] as const;
  const [first] = [await rig.network.attach(pods[0])];
  await rig.restart();
  const second = await rig.network.attach(pods[1]);
  assert.deepEqual(
    second.ips,
    first.ips.map((ip) => ip.replace(/2$/, "3")),
  );
  await removeAll(rig, ...pods);
});

test(
  "a subnet is chosen in which this machine has no address and to which it has no route",
  limit,
  async () => {
    const subnets = new Set<string>();
    const used = ["0.0.0.0/0", "0.0.0.0/1", "10.200.0.0/13", "10.208.3.1/32", "172.16.0.0/12"];
    const taken = used.flatMap((text) => parseIpNetwork(text) ?? []);
    for (let round = 0; round < 100; round++) {
      const chosen = chooseSubnets(taken, String(round));
      assert.ok(chosen !== undefined && !taken.slice(2).some((other) => overlap(other, chosen.ipv4)));
      subnets.add(chosen.ipv4.address.value.toString());
      assert.ok(chosen.ipv6.address.value >> 120n === 0xfdn);
    }
    assert.ok(subnets.size > 10);
    const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
    assert.equal(
      chooseSubnets(
        privateRanges.flatMap((text) => parseIpNetwork(text) ?? []),
        "",
      ),
      undefined,
    );
  },
);

test("the machine's used prefixes come from the kernel, including links that are down", limit, async () => {
  await run("ip", ["link", "add", "berth-used", "type", "bridge"]);
  for (let third = 0; third < 40; third++)
    if (third !== 17) await run("ip", ["addr", "add", `10.${200 + third}.0.1/16`, "dev", "berth-used"]);
  await run("ip", ["route", "add", "unreachable", "172.24.0.0/13"]);
  await run("ip", ["route", "add", "unreachable", "192.168.0.0/16"]);
  try {
    await using rig = await freshMachine();
    const pod = await rig.pod();
    assert.equal((await rig.network.attach(pod)).ips[0], "10.217.0.2");
    await removeAll(rig, pod);
  } finally {
    await run("ip", ["link", "delete", "berth-used"]);
    await run("ip", ["route", "delete", "unreachable", "172.24.0.0/13"]);
    await run("ip", ["route", "delete", "unreachable", "192.168.0.0/16"]);
  }
});

test("a machine that uses all private ranges reports that there is no default network", limit, async () => {
  for (const range of ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
    await run("ip", ["route", "add", "unreachable", range]);
  try {
    await using rig = await freshMachine();
    const status = rig.network.status();
    assert.match(status.kind === "notReady" ? status.message : "", /routes in all private IPv4 ranges/);
    await assert.rejects(rig.network.attach(await rig.pod()), { code: "Unavailable" });
  } finally {
    for (const range of ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
      await run("ip", ["route", "delete", "unreachable", range]);
  }
});

test(
  "a default network that was not possible at the start is there for the first pod once it is",
  limit,
  async () => {
    for (const range of ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
      await run("ip", ["route", "add", "unreachable", range]);
    await using rig = await freshMachine();
    assert.equal(rig.network.status().kind, "notReady");
    for (const range of ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"])
      await run("ip", ["route", "delete", "unreachable", range]);
    const pod = await rig.pod();
    await rig.network.attach(pod);
    assert.equal(rig.network.status().kind, "ready");
    await removeAll(rig, pod);
  },
);

test(
  "a network that is configured later is used for new pods, and earlier ones keep theirs to the end",
  limit,
  async () => {
    await using rig = await TestNetwork.open({ default: "bridge" });
    const [early, late] = [await rig.pod(), await rig.pod()];
    const { ips } = await rig.network.attach(early);
    await rig.configure(bridgeNetwork(rig));
    await until(async () => {
      await rig.network.attach(late);
      const [network] = await rig.network.describe(late.sandboxId);
      if (network?.network === "test") return true;
      await rig.network.detach(late.sandboxId);
      return false;
    });
    await using _server = echo(early, "TCP-LISTEN:80");
    assert.match(await ask(`TCP:${ips[0]}:80`), /^from /);
    await rig.restart();
    await rig.network.detach(late.sandboxId);
    await removeAll(rig, early);
  },
);

test("removing a configuration does not put pods into the default network", limit, async () => {
  await using rig = await TestNetwork.open({ default: "bridge" });
  await rig.configure(bridgeNetwork(rig));
  await rig.restart();
  await rm(`${rig.options.confDir}/10-test.conflist`);
  await until(() => rig.network.status().kind === "notReady");
  await assert.rejects(rig.network.attach(await rig.pod()), /no CNI network configuration.*any more/);
  await rig.restart();
  assert.equal(rig.network.status().kind, "ready");
});

for (const { what, options } of [
  { what: "switched off", options: { default: "none" } },
  { what: "not wanted by who renders a template", options: { confTemplate: "/template" } },
] as const) {
  test(`there is no default network if it is ${what}`, limit, async () => {
    await using rig = await TestNetwork.open({ default: "bridge", ...options });
    assert.equal(rig.network.status().kind, "notReady");
  });
}

test("a broken configuration is not replaced by the default network", limit, async () => {
  await using rig = await TestNetwork.open({ default: "bridge" });
  await rig.configure("{");
  await rig.restart();
  const status = rig.network.status();
  assert.match(status.kind === "notReady" ? status.message : "", /10-test\.conflist is invalid/);
});

test("two daemons on one machine have separate networks", limit, async () => {
  const [names, otherNames] = [instanceNames("/var/lib/berth"), instanceNames("/var/lib/second")];
  await using one = await TestNetwork.open({ default: "bridge", names });
  await using other = await TestNetwork.open({ default: "bridge", names: otherNames });
  const pods = [await one.pod(), await other.pod()] as const;
  const ips = [(await one.network.attach(pods[0])).ips, (await other.network.attach(pods[1])).ips];
  const subnets = await Promise.all([one, other].map(subnetsOf));
  assert.ok(subnets[0] && subnets[1] && !overlap(subnets[0].ipv4, subnets[1].ipv4));
  for (const [index, { ipv4 }] of subnets.entries()) {
    const ip = parseIp(ips[index]?.[0]);
    assert.ok(ip !== undefined && isWithin(ip, ipv4));
  }
  await one.restart();
  const next = await one.pod();
  await one.network.attach(next);
  assert.equal(await elements(otherNames.table), elementsOfPod);
  await removeAll(one, pods[0], next);
  assert.equal(await elements(otherNames.table), elementsOfPod);
  await removeAll(other, pods[1]);
});

async function subnetsOf({ options }: TestNetwork): Promise<DefaultSubnets> {
  const { ipv4, ipv6 } = JSON.parse(await readFile(`${options.defaultDir}/subnets.json`, "utf8"));
  const [four, six] = [parseIpNetwork(ipv4), parseIpNetwork(ipv6)];
  assert.ok(four !== undefined && six !== undefined);
  return { ipv4: four, ipv6: six };
}

test("reservations of an unknown pod are freed at the next start", limit, async () => {
  await using rig = await freshMachine();
  const [lost, kept] = [await rig.pod(), await rig.pod()];
  await rig.network.attach(lost);
  await rig.network.attach(kept);
  await rm(`${rig.options.cacheDir}/${lost.sandboxId}.json`);
  await rig.configure(bridgeNetwork(rig));
  await rig.restart();
  await until(async () => (await reserved(rig)).length === 2 && (await elements()) === elementsOfPod);
  await removeAll(rig, kept);
});

test("a link with the name of the default network's bridge is not changed", limit, async () => {
  await run("ip", ["link", "add", "berth0", "type", "veth"]);
  try {
    await using rig = await freshMachine();
    const pod = await rig.pod();
    await assert.rejects(rig.network.attach(pod), /"berth0" already exists but is not a bridge/);
    assert.deepEqual(await rig.network.attachments(), []);
  } finally {
    await run("ip", ["link", "delete", "berth0"]);
  }
});

test("unreadable subnets are an error, and are not chosen again while pods use them", limit, async () => {
  await using rig = await freshMachine();
  await writeFile(`${rig.options.defaultDir}/subnets.json`, "{");
  await rig.restart();
  const status = rig.network.status();
  assert.match(
    status.kind === "notReady" ? status.message : "",
    /subnets\.json cannot be understood; stop the pods/,
  );
});

test("a machine that gets its routes from a router continues to accept them", limit, async () => {
  await run("ip", ["link", "add", "berth-up", "type", "bridge"]);
  await run("sysctl", ["-w", "net.ipv6.conf.all.forwarding=0", "net.ipv6.conf.berth-up.accept_ra=1"]);
  try {
    await using rig = await freshMachine();
    const pod = await rig.pod();
    await rig.network.attach(pod);
    const { stdout } = await run("sysctl", [
      "-n",
      "net.ipv6.conf.all.forwarding",
      "net.ipv6.conf.berth-up.accept_ra",
    ]);
    assert.equal(stdout, "1\n2\n");
    assert.match(await inside(pod, "ip", "-6", "route"), /^default via fd/m);
    await removeAll(rig, pod);
    await fails("TCP:192.0.2.1:18190");
  } finally {
    await run("ip", ["link", "delete", "berth-up"]);
  }
});
