import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { until } from "../../../testing/until.ts";
import { builtinObstacle } from "../index.ts";
import { assertNothingLeft, bridged, ways } from "../testing/bridged.ts";
import { TestNetwork } from "../testing/test-network.ts";
import { ask, echo, fails, inside, neighbour } from "../testing/traffic.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const limit = { timeout: 120_000 };
const portmap = { type: "portmap", capabilities: { portMappings: true } };
const firewall = { type: "firewall" };

/** A machine that forwards nothing, like one on which Docker runs. */
async function closed() {
  const set = async (policy: string) => {
    for (const program of ["iptables", "ip6tables"]) await run(program, ["-P", "FORWARD", policy]);
  };
  await set("DROP");
  return { [Symbol.asyncDispose]: () => set("ACCEPT") };
}

async function forwardRules(): Promise<readonly string[]> {
  const listed = await Promise.all(["iptables", "ip6tables"].map((program) => run(program, ["-S"])));
  return listed.flatMap(({ stdout }) => stdout.split("\n").filter((line) => line.startsWith("-A ")));
}

for (const { way, builtinPlugins } of ways) {
  test(
    `pods reach other machines from one that forwards nothing else, and cannot be reached, ${way}`,
    limit,
    async () => {
      await using _closed = await closed();
      await using rig = await bridged({ builtinPlugins, chained: [portmap, firewall] });
      await using outside = await neighbour(rig);
      const pod = await rig.pod();
      const { ips } = await rig.network.attach(pod);
      await using _four = echo(outside, "TCP-LISTEN:80");
      await using _six = echo(outside, "TCP6-LISTEN:81");
      await using _pod = echo(pod, "TCP-LISTEN:80");
      await inside(pod, "ip", "-6", "route", "add", "default", "via", "fd87::1");
      assert.equal(await ask("TCP:192.0.2.2:80", pod), "from 192.0.2.1");
      assert.match(await ask("TCP6:[2001:db8::2]:81", pod), /^from \[2001:0db8:.*:0001\]$/);
      await inside(outside, "ip", "route", "add", "10.87.0.0/16", "via", "192.0.2.1");
      assert.match(await ask(`TCP:${ips[0]}:80`), /^from /);
      await assert.rejects(
        inside(outside, "socat", "-T1", "-u", `TCP:${ips[0]}:80,connect-timeout=1`, "STDOUT"),
      );
      await run("iptables", ["-I", "CNI-ADMIN", "-s", ips[0] ?? "", "-j", "DROP"]);
      const refused = ["socat", "-T1", "-u", "TCP:192.0.2.2:80,connect-timeout=1", "STDOUT"] as const;
      await assert.rejects(inside(pod, ...refused));
      await run("iptables", ["-F", "CNI-ADMIN"]);
      await rig.network.detach(pod.sandboxId);
      await outside[Symbol.asyncDispose]();
      await assertNothingLeft(rig);
      assert.ok(!(await forwardRules()).some((rule) => rule.includes(ips[0] ?? "")));
    },
  );

  test(`isolated bridges do not reach each other, ${way}`, limit, async () => {
    await using rig = await TestNetwork.open({ builtinPlugins, maxConfNum: 1 });
    const networkOf = (number: number, ingressPolicy: string) => ({
      cniVersion: "1.0.0",
      name: "test",
      plugins: [
        {
          type: "bridge",
          bridge: `berth-apart${number}`,
          isDefaultGateway: true,
          ipam: { type: "host-local", dataDir: `${rig.root}/addresses`, subnet: `10.87.${40 + number}.0/24` },
        },
        { ...firewall, ingressPolicy },
      ],
    });
    const pods = [];
    for (const [index, policy] of ["same-bridge", "same-bridge", "open"].entries()) {
      await rig.configure(networkOf(index, policy));
      await rig.restart();
      const pod = await rig.pod();
      pods.push({ pod, ip: (await rig.network.attach(pod)).ips[0] ?? "" });
    }
    const [one, other, open] = pods;
    assert.ok(one && other && open);
    await using _one = echo(one.pod, "TCP-LISTEN:80");
    await using _open = echo(open.pod, "TCP-LISTEN:80");
    assert.equal(await ask(`TCP:${open.ip}:80`, other.pod), `from ${other.ip}`);
    assert.match(await ask(`TCP:${one.ip}:80`), /^from /);
    const command = ["socat", "-T1", "-u", `TCP:${one.ip}:80,connect-timeout=1`, "STDOUT"] as const;
    await assert.rejects(inside(other.pod, ...command));
    for (const { pod } of pods) await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  });
}

test("many pods need no additional rules in the filter, which iptables can still list", limit, async () => {
  await using _closed = await closed();
  await using rig = await bridged({ builtinPlugins: true, chained: [firewall] });
  const pods = [await rig.pod(), await rig.pod(), await rig.pod()] as const;
  await rig.network.attach(pods[0]);
  const rules = await forwardRules();
  for (const pod of pods.slice(1)) await rig.network.attach(pod);
  assert.deepEqual(await forwardRules(), rules);
  assert.match(rules.join("\n"), /^-A CNI-FORWARD -m mark --mark 0x1000\/0x1000 .*-j ACCEPT$/m);
  for (const { sandboxId } of pods) await rig.network.detach(sandboxId);
  await assertNothingLeft(rig);
});

for (const { what, commands } of [
  { what: "empties the chain FORWARD", commands: [["iptables", "-F", "FORWARD"]] },
  {
    what: "removes all tables",
    commands: [
      ["nft", "flush", "ruleset"],
      ["iptables", "-P", "FORWARD", "DROP"],
    ],
  },
]) {
  test(`the rules that admit pods are restored by themselves after a firewall ${what}`, limit, async () => {
    await using _closed = await closed();
    await using rig = await bridged({ builtinPlugins: true, chained: [firewall] });
    await using outside = await neighbour(rig);
    const pod = await rig.pod();
    await rig.network.attach(pod);
    await using _four = echo(outside, "TCP-LISTEN:80");
    for (const [program = "", ...args] of commands) await run(program, args);
    assert.equal(await ask("TCP:192.0.2.2:80", pod), "from 192.0.2.1");
    await rig.network.detach(pod.sandboxId);
    await outside[Symbol.asyncDispose]();
    await assertNothingLeft(rig);
  });
}

test(
  "published ports of the default network can be reached on a machine that forwards nothing",
  limit,
  async () => {
    await using _closed = await closed();
    await using rig = await TestNetwork.open({ default: "bridge", binDirs: [] });
    await using outside = await neighbour(rig);
    const pod = await rig.pod({ portMappings: [{ hostPort: 18_160, containerPort: 80, protocol: "tcp" }] });
    const { ips } = await rig.network.attach(pod);
    await using _pod = echo(pod, "TCP-LISTEN:80");
    await using _four = echo(outside, "TCP-LISTEN:80");
    assert.equal(await ask("TCP:192.0.2.2:80", pod), "from 192.0.2.1");
    assert.equal(await ask("TCP:192.0.2.1:18160", outside), "from 192.0.2.2");
    await inside(outside, "ip", "route", "add", ips[0] ?? "", "via", "192.0.2.1");
    await assert.rejects(
      inside(outside, "socat", "-T1", "-u", `TCP:${ips[0]}:80,connect-timeout=1`, "STDOUT"),
    );
    await rig.network.detach(pod.sandboxId);
    await fails("TCP:192.0.2.1:18160");
    await run("ip", ["link", "delete", rig.options.names.bridge]);
  },
);

for (const { what, config } of [
  { what: "firewalld's rules", config: { backend: "firewalld" } },
  { what: "another chain of the administrator's", config: { iptablesAdminChainName: "MINE" } },
  { what: "a policy that is not known", config: { ingressPolicy: "new" } },
]) {
  test(`${what} are left to the program firewall`, () => {
    const ipam = { type: "host-local", subnet: "10.87.3.0/24" };
    const plugins = [
      { type: "bridge", ipam },
      { ...firewall, ...config },
    ];
    assert.match(
      builtinObstacle(JSON.stringify({ cniVersion: "1.0.0", name: "test", plugins })) ?? "",
      /^plugin firewall: /,
    );
  });
}

test("rules of iptables-legacy are left to the program firewall", limit, async () => {
  const ipam = { type: "host-local", subnet: "10.87.3.0/24" };
  const plugins = [{ type: "bridge", ipam }, firewall];
  const text = JSON.stringify({ cniVersion: "1.0.0", name: "test", plugins });
  assert.equal(builtinObstacle(text), undefined);
  await run("iptables-legacy", ["-t", "filter", "-S"]);
  await until(() => /iptables-legacy/.test(builtinObstacle(text) ?? ""));
});
