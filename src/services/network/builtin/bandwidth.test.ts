import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { until } from "../../../testing/until.ts";
import type { CniNetwork, PodAttachment } from "../index.ts";
import { assertNothingLeft, bridged, ways } from "../testing/bridged.ts";
import { echo } from "../testing/traffic.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const limit = { timeout: 120_000 };
const byPod = { type: "bandwidth", capabilities: { bandwidth: true } };
const megabit = 1_000_000;

for (const { way, builtinPlugins } of ways) {
  test(`a pod receives and sends no faster than its limits say, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins, chained: [byPod] });
    const pods = [
      await rig.pod({ bandwidth: { ingressRate: 10 * megabit } }),
      await rig.pod({ bandwidth: { egressRate: 10 * megabit } }),
    ] as const;
    const ips = [];
    for (const pod of pods) ips.push((await rig.network.attach(pod)).ips[0]);
    await using _receiver = echo(pods[0], "TCP-LISTEN:80", "SYSTEM:wc -c");
    await using _sender = echo(pods[1], "TCP-LISTEN:80", "SYSTEM:head -c 2000000 /dev/zero");
    const received = await seconds(
      "sh",
      "-c",
      `head -c 2000000 /dev/zero | socat -t5 - TCP:${ips[0]}:80,retry=50,interval=0.1`,
    );
    const sent = await seconds("sh", "-c", `socat -u TCP:${ips[1]}:80,retry=50,interval=0.1 - | wc -c`);
    for (const { said, took } of [received, sent]) {
      assert.equal(said, "2000000");
      // Two megabytes take 1.6 s, less the burst and the bytes in transit.
      assert.ok(took > 1, `${took} s`);
    }
    for (const { sandboxId } of pods) await rig.network.detach(sandboxId);
    await assertNothingLeft(rig);
  });

  test(`limits of the configuration take precedence over the pod's, ${way}`, limit, async () => {
    const configured = { ...byPod, ingressRate: 8 * megabit, ingressBurst: 2 * megabit };
    await using rig = await bridged({ builtinPlugins, chained: [configured] });
    const pod = await rig.pod({ bandwidth: { ingressRate: megabit, egressRate: megabit } });
    await rig.network.attach(pod);
    assert.deepEqual(await queues(), [
      { kind: "tbf", options: { rate: megabit, burst: 250_000, lat: 25_000 } },
    ]);
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  });

  test(`a pod without limits has no queue, ${way}`, limit, async () => {
    await using rig = await bridged({ builtinPlugins, chained: [byPod] });
    const pod = await rig.pod();
    await rig.network.attach(pod);
    assert.deepEqual(await queues(), []);
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  });
}

test("both ways set the same limits, and each can remove what the other created", limit, async () => {
  await using rig = await bridged({ chained: [byPod] });
  const made = [];
  for (const { builtinPlugins } of ways) {
    await rig.restart({ builtinPlugins });
    const pod = await rig.pod({ bandwidth: { ingressRate: 20 * megabit, egressRate: 40 * megabit } });
    await rig.network.attach(pod);
    made.push({ queues: await queues(), interfaces: await interfacesOf(rig.network, pod) });
    await rig.restart({ builtinPlugins: !builtinPlugins });
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  }
  assert.deepEqual(made[0], made[1]);
  assert.equal(made[0]?.queues.length, 3);
});

test("links of unknown pods are removed, and no others", limit, async () => {
  await using rig = await bridged({ builtinPlugins: true, chained: [byPod], cniVersion: "1.1.0" });
  const [lost, kept] = [
    await rig.pod({ bandwidth: { egressRate: 10 * megabit } }),
    await rig.pod({ bandwidth: { egressRate: 10 * megabit } }),
  ];
  await rig.network.attach(lost);
  const [ofLost] = await ifbs();
  await rig.network.attach(kept);
  await run("ip", ["link", "add", "bwp0123456789ab", "type", "ifb"]);
  assert.equal((await ifbs()).length, 3);
  await rm(join(rig.options.cacheDir, `${lost.sandboxId}.json`));
  await rig.loseNamespace(lost);
  await rig.restart({ builtinPlugins: true });
  await until(async () => (await ifbs()).length === 2);
  assert.ok(!(await ifbs()).some((name) => name === ofLost));
  await rig.network.detach(kept.sandboxId);
  assert.deepEqual(await ifbs(), ["bwp0123456789ab"]);
  await run("ip", ["link", "del", "bwp0123456789ab"]);
});

test(
  "a rate without a burst is an error that leaves nothing, although the program also fails at DEL",
  limit,
  async () => {
    const chained = [{ type: "bandwidth", egressRate: megabit }];
    await using rig = await bridged({ builtinPlugins: true, chained });
    await assert.rejects(
      rig.network.attach(await rig.pod()),
      /bandwidth failed at ADD.*if rate is set, burst must also be set/,
    );
    await assertNothingLeft(rig);
  },
);

async function ifbs(): Promise<readonly string[]> {
  const { stdout } = await run("ip", ["-o", "link", "show", "type", "ifb"]);
  return [...stdout.matchAll(/^\d+: (\w+):/gm)].map(([, name = ""]) => name);
}

/** A command's duration and output. */
async function seconds(command: string, ...args: readonly string[]) {
  const began = performance.now();
  const { stdout } = await run(command, args);
  return { said: stdout.trim(), took: (performance.now() - began) / 1000 };
}

/** The queues on the host, without the parts that differ between pods. */
async function queues() {
  const { stdout } = await run("tc", ["-j", "qdisc", "show"]);
  type Queue = { kind: string; options: { rate?: number; burst?: number; lat?: number } };
  return (JSON.parse(stdout) as readonly Queue[])
    .filter(({ kind }) => kind === "tbf" || kind === "ingress")
    .map(({ kind, options: { rate, burst, lat } }) => ({
      kind,
      options: kind === "tbf" ? { rate, burst, lat } : {},
    }));
}

/** The names of the interfaces in a pod's result, which contain random parts. */
async function interfacesOf(network: CniNetwork, { sandboxId }: PodAttachment) {
  const [described] = await network.describe(sandboxId);
  const names = JSON.stringify(described?.result).match(/"name":"[^"]+"/g);
  return names?.map((name) => name.replace(/[0-9a-f]{6,}"/, "ID"));
}
