import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../src/testing/private-network.ts";
import { TestBerth } from "./support/berth.ts";
import { eventually } from "./support/condition.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { withBerth } from "./support/with-berth.ts";

const run = promisify(execFile);
const limit = { timeout: 120_000 };
const sleep = "exec sleep 1000";

await enterPrivateNetwork();

type Link = { readonly ifindex: number; readonly ifname: string; readonly ifalias?: string };

describe("the prepared network of the next pod", () => {
  const host = withBerth();

  test("is the pod's interface, and reaches the bridge", limit, async () => {
    const ready = await readyAfter(host.berth, "first");
    const pod = await TestPod.run(host.berth, "second");
    const name = (await ports(host.berth)).find(({ ifindex }) => ifindex === ready.ifindex)?.ifname;
    assert.equal(name, ready.ifname);
    assert.notEqual((await readyLinks(host.berth))[0]?.ifindex, ready.ifindex);
    const id = await pod.shell("main", host.image, sleep);
    const shown = await execSync(host.berth, id, "ip", "addr", "show", "eth0");
    assert.ok(shown.includes(`inet ${await pod.ip()}/`), shown);
    const gateway = /via (\S+)/.exec(await execSync(host.berth, id, "ip", "route"))?.[1] ?? "";
    await execSync(host.berth, id, "ping", "-c", "1", "-W", "5", gateway);
    assert.equal(await execSync(host.berth, id, "hostname"), "second\n");
  });

  test("announces the pod's address to neighbours", limit, async () => {
    const { bridge } = await network(host.berth);
    const earlier = await TestPod.run(host.berth, "before-neighbours");
    await eventually("one is ready", async () => (await readyLinks(host.berth))[0]);
    // Addresses are allocated in order.
    const next = (await earlier.ip()).replace(/\d+$/, (last) => String(Number(last) + 1));
    const entry = [next, "dev", bridge];
    await run("ip", ["neigh", "replace", ...entry, "lladdr", "02:00:00:00:00:01", "nud", "reachable"]);
    const pod = await TestPod.run(host.berth, "neighbours");
    assert.equal(await pod.ip(), next);
    const id = await pod.shell("main", host.image, sleep);
    const mac = (await execSync(host.berth, id, "cat", "/sys/class/net/eth0/address")).trim();
    await eventually("the neighbour knows", async () =>
      (await run("ip", ["neigh", "show", ...entry])).stdout.includes(mac),
    );
  });

  test("is not used for a pod that requests parameters for new interfaces", limit, async () => {
    const ready = await readyAfter(host.berth, "before-parameters");
    const linux = { sysctls: { "net.ipv4.conf.default.rp_filter": "2" } };
    const pod = await TestPod.run(host.berth, "parameters", { linux });
    const id = await pod.shell("main", host.image, sleep);
    const path = "/proc/sys/net/ipv4/conf/eth0/rp_filter";
    assert.equal(await execSync(host.berth, id, "cat", path), "2\n");
    assert.ok((await readyLinks(host.berth)).some(({ ifindex }) => ifindex === ready.ifindex));
  });

  test("is replaced if somebody has recreated the bridge", limit, async () => {
    await readyAfter(host.berth, "before-bridge");
    const { bridge } = await network(host.berth);
    await run("ip", ["link", "delete", bridge]);
    const pod = await TestPod.run(host.berth, "new-bridge");
    const id = await pod.shell("main", host.image, sleep);
    const gateway = /via (\S+)/.exec(await execSync(host.berth, id, "ip", "route"))?.[1] ?? "";
    await execSync(host.berth, id, "ping", "-c", "1", "-W", "5", gateway);
  });

  test("is replaced by a new interface if somebody has renamed it", limit, async () => {
    const ready = await readyAfter(host.berth, "before-name");
    await rename(ready);
    const pod = await TestPod.run(host.berth, "new-name");
    assert.notEqual(await pod.ip(), "");
    assert.ok(!(await ports(host.berth)).some(({ ifindex }) => ifindex === ready.ifindex));
  });

  test("is replaced if the network's configuration has changed, whatever its new name", limit, async () => {
    const ready = await readyAfter(host.berth, "before-change");
    await rename(ready);
    const { file, text } = await network(host.berth);
    await writeFile(file, text.replace('"isGateway":true', '"isGateway":true,"mtu":1400'));
    const pod = await eventually("the new configuration counts", async () => {
      const pod = await TestPod.run(host.berth, `changed-${Math.random()}`);
      const id = await pod.shell("main", host.image, sleep);
      const shown = await execSync(host.berth, id, "ip", "link", "show", "eth0");
      return shown.includes("mtu 1400") && pod;
    });
    assert.notEqual(await pod.ip(), "");
    assert.ok(!(await ports(host.berth)).some(({ ifindex }) => ifindex === ready.ifindex));
  });

  test(
    "is removed, with its address, if the pod's namespaces cannot be set up as requested",
    limit,
    async () => {
      const ready = await readyAfter(host.berth, "before-refusal");
      const linux = { sysctls: { "net.ipv4.ip_local_port_range": "none" } };
      await assert.rejects(TestPod.run(host.berth, "refused", { linux }), /ip_local_port_range/);
      await eventually("it is gone", async () =>
        (await ports(host.berth)).every(({ ifindex }) => ifindex !== ready.ifindex),
      );
      const attached = await readdir(join(host.berth.root, "network"));
      const pods = (await host.berth.clients.runtime.listPodSandbox({ filter: undefined })).items;
      assert.deepEqual(attached.toSorted(), pods.map(({ id }) => `${id}.json`).toSorted());
    },
  );

  test("is removed if no pod uses it", limit, async () => {
    const { ifindex } = await readyAfter(host.berth, "last");
    await eventually("it is gone", async () =>
      (await readyLinks(host.berth)).every((link) => link.ifindex !== ifindex),
    );
  });

  test("is removed if the daemon is killed", limit, async () => {
    await using berth = await TestBerth.start();
    await readyAfter(berth, "pod");
    await berth.stopDaemon("SIGKILL");
    await eventually("it is gone", async () => (await readyLinks(berth)).length === 0);
    await berth.startDaemon();
  });
});

describe("what is prepared if programs create the network", () => {
  const host = withBerth({ builtinPlugins: false });

  test("are the namespaces of the next pod", limit, async () => {
    const first = await TestPod.run(host.berth, "first");
    const ofFirst = await namespacesOf(host.berth, await first.shell("main", host.image, sleep));
    const ready = await eventually("they are there", async () => {
      const held = await heldNamespaces(host.berth);
      return held.length === kinds.length && !held.some((each) => ofFirst.includes(each)) && held;
    });
    const pod = await TestPod.run(host.berth, "second");
    const id = await pod.shell("main", host.image, sleep);
    assert.deepEqual((await namespacesOf(host.berth, id)).toSorted(), ready.toSorted());
    assert.notEqual(await pod.ip(), await first.ip());
    const shown = await execSync(host.berth, id, "ip", "addr", "show", "eth0");
    assert.ok(shown.includes(`inet ${await pod.ip()}/`), shown);
    assert.equal(await execSync(host.berth, id, "hostname"), "second\n");
  });
});

const kinds = ["net", "ipc", "uts"];

/** The namespaces of a container's pod, such as "net:[4026532000]". */
async function namespacesOf(berth: TestBerth, containerId: string): Promise<readonly string[]> {
  const paths = kinds.map((kind) => `/proc/self/ns/${kind}`);
  const links = await execSync(berth, containerId, "sh", "-c", `readlink ${paths.join("; readlink ")}`);
  return links.trim().split("\n");
}

/** The namespaces for which a daemon holds descriptors, except for its own. */
async function heldNamespaces({ pid }: TestBerth): Promise<readonly string[]> {
  const own = await Promise.all(kinds.map((kind) => readlink(`/proc/${pid}/ns/${kind}`)));
  const files = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => "")));
  const isHeld = (target: string) => kinds.some((kind) => target.startsWith(`${kind}:[`));
  return [...new Set(targets.filter((target) => isHeld(target) && !own.includes(target)))];
}

/** Renames a link that is up. */
async function rename({ ifname }: Link): Promise<void> {
  await run("ip", ["link", "set", ifname, "down"]);
  await run("ip", ["link", "set", ifname, "name", `own${ifname.slice(4)}`]);
  await run("ip", ["link", "set", `own${ifname.slice(4)}`, "up"]);
}

/** Runs a pod, and waits until the next one's interface is prepared. */
async function readyAfter(berth: TestBerth, name: string): Promise<Link> {
  await TestPod.run(berth, name);
  return await eventually("one is ready", async () => (await readyLinks(berth))[0]);
}

async function readyLinks(berth: TestBerth): Promise<readonly Link[]> {
  return (await ports(berth)).filter(({ ifalias }) => ifalias?.startsWith("prepared by berth"));
}

async function ports(berth: TestBerth): Promise<readonly Link[]> {
  const { bridge } = await network(berth);
  const { stdout } = await run("ip", ["-j", "link", "show", "master", bridge]);
  const links: readonly Partial<Link>[] = JSON.parse(stdout.trim() === "" ? "[]" : stdout);
  return links.filter((link): link is Link => link.ifname !== undefined);
}

async function network({ cniConfDir }: TestBerth) {
  const file = join(cniConfDir, "10-test.conflist");
  const text = await readFile(file, "utf8");
  return { file, text, bridge: String(JSON.parse(text).plugins[0].bridge) };
}
