import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readdir, readlink } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import {
  addAddress,
  addBridge,
  addRoute,
  addVethPair,
  deleteAddress,
  deleteLink,
  type Link,
  linkByIndex,
  linkByName,
  listAddresses,
  listLinks,
  listRoutedPrefixes,
  NamespaceThread,
  NetlinkSocket,
  setBridgePort,
  setLink,
} from "../index.ts";
import { pinDirectory } from "../testing/pins.ts";

await enterPrivateNetwork();

const run = promisify(execFile);

async function ip(...args: readonly string[]) {
  const { stdout } = await run("ip", ["-j", "-d", ...args]);
  return JSON.parse(stdout);
}

function found(socket: NetlinkSocket, name: string): Link {
  const link = linkByName(socket, name);
  assert.ok(link, name);
  return link;
}

test("a bridge and a veth pair into another namespace are made, set and removed", async () => {
  await using directory = await pinDirectory();
  await using thread = new NamespaceThread();
  const { net = "" } = await thread.createPodNamespaces({
    directory: directory.path,
    net: true,
    ipc: false,
    uts: false,
    sysctls: {},
  });
  using host = NetlinkSocket.open("route");
  using pod = NetlinkSocket.open("route", net);
  addBridge(host, "berth-br0", 1400);
  const bridge = found(host, "berth-br0");
  setLink(host, bridge, { up: true, promiscuous: true });
  const netnsFd = openSync(net, "r");
  const mac = Buffer.from("0a580a570002", "hex");
  addVethPair(host, {
    name: "vethtest0",
    mtu: 1400,
    masterIndex: bridge.index,
    peer: { name: "eth0", netnsFd, mac },
  });
  closeSync(netnsFd);
  const inside = found(pod, "eth0");
  setLink(pod, inside, { up: true });
  const port = found(host, "vethtest0");
  setBridgePort(host, port, { hairpin: true, isolated: true });

  const [shown] = await ip("link", "show", "vethtest0");
  assert.deepEqual(
    {
      master: shown.master,
      mtu: shown.mtu,
      up: shown.flags.includes("UP"),
      hairpin: shown.linkinfo.info_slave_data.hairpin,
      isolated: shown.linkinfo.info_slave_data.isolated,
    },
    { master: "berth-br0", mtu: 1400, up: true, hairpin: true, isolated: true },
  );
  const [shownBridge] = await ip("link", "show", "berth-br0");
  assert.equal(shownBridge.promiscuity, 1);
  assert.equal(found(host, "berth-br0").isPromiscuous, true);
  assert.deepEqual(
    { kind: inside.kind, mac: inside.mac, mtu: inside.mtu, isUp: inside.isUp },
    { kind: "veth", mac: "0a:58:0a:57:00:02", mtu: 1400, isUp: false },
  );
  assert.equal(port.masterIndex, bridge.index);
  assert.equal(port.peerIndex, inside.index);
  assert.equal(found(pod, "eth0").peerIndex, port.index);
  assert.equal(found(host, "vethtest0").isOperational, true);
  assert.deepEqual(linkByIndex(host, port.index)?.name, "vethtest0");
  assert.deepEqual(
    listLinks(host).map(({ name }) => name),
    ["lo", "berth-br0", "vethtest0"],
  );

  setLink(host, port, { up: false, masterIndex: 0 });
  assert.equal(found(host, "vethtest0").masterIndex, 0);
  await deleteLink(host, port);
  await deleteLink(host, port);
  assert.equal(linkByName(host, "vethtest0"), undefined);
  assert.equal(linkByName(pod, "eth0"), undefined);
  await deleteLink(host, bridge);
});

test("addresses and routes are those that iproute2 shows", async () => {
  using socket = NetlinkSocket.open("route");
  addBridge(socket, "berth-br1", 0);
  const bridge = found(socket, "berth-br1");
  setLink(socket, bridge, { up: true });
  const four = { address: Buffer.from([10, 1, 2, 1]), prefixLength: 24 };
  const six = { address: Buffer.from("fd870000000000000000000000000001", "hex"), prefixLength: 64 };
  addAddress(socket, bridge, four);
  addAddress(socket, bridge, six);
  assert.throws(() => addAddress(socket, bridge, four), { errno: "EEXIST", code: "AlreadyExists" });
  const [shown] = await ip("addr", "show", "berth-br1");
  assert.deepEqual(
    shown.addr_info
      .filter(({ scope }: { scope: string }) => scope === "global")
      .map(({ local, prefixlen, broadcast }: { local: string; prefixlen: number; broadcast?: string }) => ({
        local,
        prefixlen,
        broadcast,
      })),
    [
      { local: "10.1.2.1", prefixlen: 24, broadcast: "10.1.2.255" },
      { local: "fd87::1", prefixlen: 64, broadcast: undefined },
    ],
  );
  const listed = listAddresses(socket, bridge).map(
    ({ address, prefixLength }) => `${Buffer.from(address).toString("hex")}/${prefixLength}`,
  );
  assert.ok(listed.includes("0a010201/24") && listed.includes("fd870000000000000000000000000001/64"));

  addRoute(socket, {
    destination: { address: Buffer.alloc(4), prefixLength: 0 },
    linkIndex: bridge.index,
    gateway: Buffer.from([10, 1, 2, 254]),
    priority: 77,
  });
  addRoute(socket, {
    destination: { address: Buffer.from([192, 0, 2, 0]), prefixLength: 24 },
    linkIndex: bridge.index,
  });
  const routes = await ip("-4", "route");
  assert.ok(
    routes.some(
      ({ dst, gateway, metric, dev }: { dst: string; gateway: string; metric: number; dev: string }) =>
        dst === "default" && gateway === "10.1.2.254" && metric === 77 && dev === "berth-br1",
    ),
  );
  assert.ok(
    routes.some(
      ({ dst, scope }: { dst: string; scope: string }) => dst === "192.0.2.0/24" && scope === "link",
    ),
  );
  const routed = listRoutedPrefixes(socket).map(
    ({ address, prefixLength }) => `${Buffer.from(address).toString("hex")}/${prefixLength}`,
  );
  assert.ok(
    routed.includes("0a010200/24") && routed.includes("c0000200/24") && routed.includes("00000000/0"),
  );

  deleteAddress(socket, bridge, four);
  deleteAddress(socket, bridge, four);
  assert.ok(!listAddresses(socket, bridge).some(({ address }) => address.length === 4));
  await deleteLink(socket, bridge);
});

test("links are deleted at the same time, while others are asked for", async () => {
  using socket = NetlinkSocket.open("route");
  const names = Array.from({ length: 20 }, (_, index) => `berth-many${index}`);
  for (const name of names) addBridge(socket, name, 0);
  let isUnderWay = true;
  const deletions = Promise.all(names.map((name) => deleteLink(socket, found(socket, name)))).finally(() => {
    isUnderWay = false;
  });
  while (isUnderWay) {
    assert.equal(found(socket, "lo").name, "lo");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await deletions;
  assert.deepEqual(
    listLinks(socket).filter(({ name }) => names.includes(name)),
    [],
  );
});

test("what the kernel refuses is an error with its name, the object and the kernel's own words", () => {
  using socket = NetlinkSocket.open("route");
  assert.throws(() => addBridge(socket, "a-name-that-is-too-long", 0), {
    name: "LinuxError",
    errno: "ERANGE",
    message: /netlink add link a-name-that-is-too-long.*ERANGE/,
  });
  const loopback = found(socket, "lo");
  assert.throws(
    () =>
      addRoute(socket, {
        destination: { address: Buffer.from([198, 51, 100, 0]), prefixLength: 24 },
        linkIndex: loopback.index,
        gateway: Buffer.from([203, 0, 113, 1]),
      }),
    { errno: "ENETUNREACH", code: "Unavailable", message: /Nexthop has invalid gateway/ },
  );
});

/** How many sockets this process has open. */
async function openSockets(): Promise<number> {
  const descriptors = await readdir("/proc/self/fd");
  const links = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return links.filter((link) => link.startsWith("socket:")).length;
}

test("the sockets of a thread are closed when it is ended", async () => {
  const before = await openSockets();
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData).then(({ NetlinkSocket }) => {
      globalThis.sockets = [NetlinkSocket.open("route"), NetlinkSocket.open("netfilter")];
      // It does not end by itself.
      parentPort.on("message", () => {});
      parentPort.postMessage("opened");
    });`;
  const workerData = new URL("../index.ts", import.meta.url).href;
  const thread = new Worker(code, { eval: true, workerData });
  await once(thread, "message");
  assert.equal(await openSockets(), before + 2);
  await thread.terminate();
  assert.equal(await openSockets(), before);
});
