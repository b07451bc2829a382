import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { Resolver as Client } from "node:dns/promises";
import { once } from "node:events";
import { mkdir, rm, rmdir, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { promisify } from "node:util";
import { decode, encode } from "dns-packet";
import { enterPrivateNetwork } from "../../testing/private-network.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import type { Service } from "./index.ts";
import { ServiceNetwork } from "./index.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const name = "berth_stest";

async function open(): Promise<ServiceNetwork> {
  return await ServiceNetwork.open({ name, onProblem: (message) => assert.fail(message) });
}

function resolverOf({ resolverAddresses: [ipv4 = ""] }: ServiceNetwork): string {
  return ipv4;
}

const service = (more: Partial<Service>): Service => ({
  namespace: "default",
  name: "web",
  addresses: [],
  sticky: false,
  ports: [],
  members: [],
  ...more,
});

/** Sends its address to each client. */
async function serve(address: string): Promise<Server> {
  const server = createServer((socket) => socket.end(address));
  server.listen(8080, address);
  await once(server, "listening");
  return server;
}

async function ask(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  return await text(socket);
}

test("connections to a service's address and node port reach all of its endpoints, and are refused if there are none", async () => {
  const servers = await Promise.all(["127.0.0.2", "127.0.0.3"].map(serve));
  const network = await open();
  try {
    const address = network.addressAt(4, 0);
    const endpoints = ["127.0.0.2", "127.0.0.3"].map((ip) => ({ ip, port: 8080 }));
    await network.update([
      service({ addresses: [address], ports: [{ protocol: "TCP", port: 80, nodePort: 30_080, endpoints }] }),
      service({
        name: "sticky",
        addresses: [network.addressAt(4, 1)],
        sticky: true,
        ports: [{ protocol: "TCP", port: 80, endpoints }],
      }),
      service({
        name: "empty",
        addresses: [network.addressAt(4, 2)],
        ports: [{ protocol: "TCP", port: 80, endpoints: [] }],
      }),
    ]);
    const asked = async (host: string, port: number, times: number) => {
      const answers = new Set<string>();
      for (let time = 0; time < times; time++) answers.add(await ask(host, port));
      return [...answers].sort();
    };
    assert.deepEqual(await asked("127.0.0.1", 30_080, 40), ["127.0.0.2", "127.0.0.3"]);
    await assert.rejects(ask(network.addressAt(4, 2), 80), { code: "ECONNREFUSED" });
    const { stdout } = await run("nft", ["list", "table", "inet", name]);
    assert.match(
      stdout,
      new RegExp(`${address.replaceAll(".", "\\.")} \\. tcp \\. 80 comment "default/web 80/TCP"`),
    );
    assert.match(stdout, /numgen random mod 2/);
    assert.match(stdout, /jhash .* mod 2/);
    assert.match(stdout, /reject/);
    await network.update([]);
    await assert.rejects(ask("127.0.0.1", 30_080), { code: "ECONNREFUSED" });
    await run("nft", ["flush", "ruleset"]);
    await network.verify();
    assert.match((await run("nft", ["list", "tables"])).stdout, new RegExp(name));
  } finally {
    for (const server of servers) server.close();
    await network.remove();
  }
  assert.doesNotMatch((await run("nft", ["list", "tables"])).stdout, new RegExp(name));
  assert.doesNotMatch((await run("ip", ["link"])).stdout, new RegExp(name));
});

test("services of IPv6 and of both families have addresses, node ports and endpoints of each", async () => {
  await using made = new AsyncDisposableStack();
  const hosts = ["127.0.0.2", "fd00:7::2", "fd00:7::3"];
  for (const host of hosts.slice(1)) {
    // Without nodad, nobody could listen there at first.
    await run("ip", ["addr", "add", `${host}/128`, "dev", "lo", "nodad"]);
    made.defer(async () => void (await run("ip", ["addr", "del", `${host}/128`, "dev", "lo"])));
  }
  const network = await open();
  made.defer(() => network.remove());
  for (const host of hosts) {
    const server = await serve(host);
    made.defer(() => void server.close());
  }
  assert.deepEqual(network.families, [4, 6]);
  const [ipv4, ipv6] = [network.addressAt(4, 0), network.addressAt(6, 0)];
  assert.ok(network.hasAddress(ipv6) && !network.hasAddress(network.resolverAddresses[1] ?? ""));
  const endpoints = hosts.map((ip) => ({ ip, port: 8080 }));
  const [sticky, empty] = [network.addressAt(6, 1), network.addressAt(6, 2)];
  await network.update([
    service({
      addresses: [ipv6, ipv4],
      ports: [{ protocol: "TCP", port: 80, nodePort: 30_080, endpoints }],
    }),
    service({
      name: "sticky",
      addresses: [sticky],
      sticky: true,
      ports: [{ protocol: "TCP", port: 80, nodePort: 30_081, endpoints }],
    }),
    service({
      name: "empty",
      addresses: [empty],
      ports: [{ protocol: "TCP", port: 80, endpoints: [{ ip: "127.0.0.2", port: 8080 }] }],
    }),
  ]);
  const asked = async (host: string, port: number, times = 40) => {
    const answers = new Set<string>();
    for (let time = 0; time < times; time++) answers.add(await ask(host, port));
    return [...answers].sort();
  };
  assert.deepEqual(await asked(ipv6, 80), ["fd00:7::2", "fd00:7::3"]);
  assert.deepEqual(await asked(ipv4, 80), ["127.0.0.2"]);
  assert.deepEqual(await asked("::1", 30_080), ["fd00:7::2", "fd00:7::3"]);
  assert.deepEqual(await asked("127.0.0.1", 30_080), ["127.0.0.2"]);
  assert.equal((await asked(sticky, 80)).length, 1);
  await assert.rejects(ask(empty, 80), { code: "ECONNREFUSED" });
  await assert.rejects(ask("127.0.0.1", 30_081), { code: "ECONNREFUSED" });
});

test("queries for services wait until the services are known", async () => {
  const network = await open();
  try {
    const client = new Client({ timeout: 10_000, tries: 1 });
    client.setServers([...network.resolverAddresses]);
    const answer = client.resolve4("web.default.svc.cluster.local");
    // This query came later, for an unknown name.
    await assert.rejects(client.resolve4("name.test"));
    await network.update([service({ addresses: ["10.1.2.3"] })]);
    assert.deepEqual(await answer, ["10.1.2.3"]);
  } finally {
    await network.remove();
  }
});

test("the subnets of both families are stored, and the IPv6 one is added if there is only the other", async () => {
  await using directory = await tempDir();
  const subnetPath = join(directory.path, "subnets");
  const openKept = async () =>
    await ServiceNetwork.open({ name, subnetPath, onProblem: (message) => assert.fail(message) });
  const subnets = async () => {
    await using network = await openKept();
    return network.subnets;
  };
  await writeFile(subnetPath, "10.231.0.0/16\n");
  const first = await subnets();
  assert.equal(first[0], "10.231.0.0/16");
  assert.match(first[1] ?? "", /^fd[0-9a-f:]+::\/64$/);
  assert.deepEqual(await subnets(), first);
  await writeFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
  try {
    assert.deepEqual(await subnets(), first.slice(0, 1));
  } finally {
    await writeFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0");
  }
  assert.deepEqual(await subnets(), first);
  await (await openKept()).remove();
});

test("names of services, of ports and of members of a headless service are resolved, and others do not exist", async () => {
  const network = await open();
  try {
    const client = new Client({ timeout: 2000, tries: 3 });
    client.setServers([...network.resolverAddresses]);
    await network.update([
      service({
        name: "both",
        addresses: ["fd00:9::1", "10.1.2.4"],
        ports: [{ name: "http", protocol: "TCP", port: 80, endpoints: [] }],
      }),
      service({
        name: "pods",
        members: [
          { ip: "10.9.0.5", hostname: "pod" },
          { ip: "fd00:9::5", hostname: "pod" },
        ],
        ports: [{ name: "http", protocol: "TCP", port: 80, endpoints: [] }],
      }),
      service({
        addresses: ["10.1.2.3"],
        ports: [{ name: "http", protocol: "TCP", port: 80, endpoints: [] }],
        members: [{ ip: "10.9.0.2" }],
      }),
      service({
        name: "db",
        members: [
          { ip: "10.9.0.3", hostname: "db-0" },
          { ip: "10.9.0.4", hostname: "db-1" },
        ],
      }),
    ]);
    assert.deepEqual(await client.resolve4("web.default.svc.cluster.local"), ["10.1.2.3"]);
    assert.deepEqual(await client.resolve4("WEB.default.SVC.cluster.local"), ["10.1.2.3"]);
    assert.deepEqual((await client.resolve4("db.default.svc.cluster.local")).sort(), [
      "10.9.0.3",
      "10.9.0.4",
    ]);
    assert.deepEqual(await client.resolve4("db-1.db.default.svc.cluster.local"), ["10.9.0.4"]);
    const [srv] = await client.resolveSrv("_http._tcp.web.default.svc.cluster.local");
    assert.deepEqual([srv?.port, srv?.name], [80, "web.default.svc.cluster.local"]);
    for (const server of network.resolverAddresses) {
      client.setServers([server.includes(":") ? `[${server}]` : server]);
      assert.deepEqual(await client.resolve6("both.default.svc.cluster.local"), ["fd00:9::1"]);
      assert.deepEqual(await client.resolve4("both.default.svc.cluster.local"), ["10.1.2.4"]);
      assert.deepEqual(await client.resolve6("pod.pods.default.svc.cluster.local"), ["fd00:9::5"]);
      assert.equal((await client.resolveSrv("_http._tcp.pods.default.svc.cluster.local")).length, 1);
    }
    await assert.rejects(client.resolve6("web.default.svc.cluster.local"), { code: "ENODATA" });
    for (const missing of ["db-2.db.default", "db-0.web.default", "web.other"])
      await assert.rejects(client.resolve4(`${missing}.svc.cluster.local`), { code: "ENOTFOUND" });
  } finally {
    await network.remove();
  }
});

test("an alias of a service's name is resolved to its addresses, even if the machine's servers know it", async () => {
  await using made = new AsyncDisposableStack();
  const directory = made.use(await tempDir());
  const resolvConf = join(directory.path, "resolv.conf");
  await writeFile(resolvConf, "nameserver 127.0.0.53\n");
  const server = createSocket("udp4");
  made.defer(() => void server.close());
  server.on("message", (query, { port, address }) => {
    const { id, questions = [] } = decode(query);
    const answers = questions.map(({ name }) => ({ name, type: "A" as const, ttl: 60, data: "192.0.2.7" }));
    server.send(
      encode({ type: "response", ...(id !== undefined && { id }), questions, answers }),
      port,
      address,
    );
  });
  server.bind(53, "127.0.0.53");
  await once(server, "listening");
  await run("mount", ["--bind", resolvConf, "/etc/resolv.conf"]);
  made.defer(async () => void (await run("umount", ["/etc/resolv.conf"])));
  const network = await open();
  made.defer(() => network.remove());
  const client = new Client({ timeout: 2000, tries: 3 });
  client.setServers([...network.resolverAddresses]);
  await network.update([
    service({ name: "far", alias: "db.example." }),
    service({ name: "near", alias: "web.default.svc.cluster.local" }),
    service({ addresses: ["10.1.2.3"] }),
  ]);
  const inCluster = (name: string) => `${name}.default.svc.cluster.local`;
  assert.deepEqual(await client.resolveCname(inCluster("far")), ["db.example"]);
  assert.deepEqual(await client.resolve4(inCluster("far")), ["192.0.2.7"]);
  assert.deepEqual(await client.resolve4(inCluster("near")), ["10.1.2.3"]);
  await assert.rejects(client.resolve4(inCluster("a.far")), { code: "ENOTFOUND" });
});

/** A query from a port, even from one that no socket can have. */
async function questionFrom(port: number, host: string): Promise<void> {
  const question = encode({ type: "query", id: 1, questions: [{ type: "A", name: "x.cluster.local" }] });
  const datagram = Buffer.concat([Buffer.alloc(8), question]);
  datagram.writeUInt16BE(port, 0);
  datagram.writeUInt16BE(53, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  const sending = run("socat", ["-u", "-", `IP4-SENDTO:${host}:17`]);
  sending.child.stdin?.end(datagram);
  await sending;
}

test("queries that cannot be answered do no harm", async () => {
  const network = await open();
  try {
    await network.update([service({ addresses: ["10.1.2.3"] })]);
    await questionFrom(0, resolverOf(network));
    const client = new Client({ timeout: 2000, tries: 3 });
    client.setServers([...network.resolverAddresses]);
    assert.deepEqual(await client.resolve4("web.default.svc.cluster.local"), ["10.1.2.3"]);
  } finally {
    await network.remove();
  }
});

test("a client that queries over TCP and reads no replies is dropped", async () => {
  const network = await open();
  try {
    const members = Array.from({ length: 200 }, (_, index) => ({ ip: `10.9.1.${index}` }));
    await network.update([service({ name: "many", members })]);
    const name = "many.default.svc.cluster.local";
    const question = encode({ type: "query", id: 1, questions: [{ type: "A", name }] });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(question.length);
    const questions = Buffer.concat(Array.from({ length: 100 }, () => [length, question]).flat());
    const socket = connect({ host: resolverOf(network), port: 53 });
    const left = Promise.withResolvers<void>();
    socket.on("error", () => {}).on("close", () => left.resolve());
    socket.pause();
    const ask = () => {
      while (socket.writable && socket.write(questions));
    };
    socket.on("drain", ask);
    ask();
    await left.promise;
  } finally {
    await network.remove();
  }
});

test("replies too long for a datagram are sent over TCP", async () => {
  const network = await open();
  try {
    const client = new Client({ timeout: 2000, tries: 3 });
    client.setServers([...network.resolverAddresses]);
    const members = Array.from({ length: 200 }, (_, index) => ({ ip: `10.9.1.${index}` }));
    await network.update([service({ name: "many", members })]);
    assert.equal((await client.resolve4("many.default.svc.cluster.local")).length, 200);
  } finally {
    await network.remove();
  }
});

test("a network that cannot be removed completely is opened again, and then removed", async () => {
  await using directory = await tempDir();
  const subnetPath = join(directory.path, "subnets");
  const again = () => ServiceNetwork.open({ name, subnetPath, onProblem: (message) => assert.fail(message) });
  const network = await again();
  await rm(subnetPath);
  await mkdir(subnetPath);
  await assert.rejects(network.remove(), /subnets/);
  await rmdir(subnetPath);
  await (await again()).remove();
});
