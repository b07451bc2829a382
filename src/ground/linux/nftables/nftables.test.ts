import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../../../testing/private-network.ts";
import { until } from "../../../testing/until.ts";
import { NetlinkSocket, nft } from "../index.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const table = "berth-test";

async function listed(): Promise<string> {
  return (await run("nft", ["list", "table", "inet", table])).stdout;
}

const ports: nft.SetDefinition = {
  name: "ports",
  key: ["protocol", "port"],
  value: ["ipv4", "port"],
};
const port = (number: number) => Buffer.from([number >> 8, number & 0xff]);
const portKey = (number: number) => nft.fields(Buffer.of(6), port(number));
const local = nft.fields(Buffer.from([127, 0, 0, 1]), port(18_181));

/** A table that redirects the ports of a map, for connections to this machine. */
function portTable(): readonly nft.NftChange[] {
  return [
    nft.addTable(table),
    nft.addSet(table, ports, 1),
    nft.addChain(table, "output", { type: "nat", hook: "output", priority: -100 }),
    nft.addRule(
      table,
      "output",
      [
        nft.loadMeta("family", 0),
        nft.equals(0, Buffer.of(2)),
        nft.loadDestinationType(0),
        nft.equals(0, Buffer.from([2, 0, 0, 0])),
        nft.loadMeta("protocol", 0),
        nft.loadHeader("transport", 2, 2, 1),
        nft.loadElement("ports", 0, 0),
        nft.redirectTo(2, 0, 1),
      ],
      "ports of the test",
    ),
  ];
}

test("a map redirects connections, as its elements come and go", async () => {
  using socket = NetlinkSocket.open("netfilter");
  nft.commit(socket, portTable());
  nft.commit(socket, [
    nft.addElements(table, "ports", [{ key: portKey(18_180), value: local, note: "pod of the test" }]),
  ]);
  const text = await listed();
  assert.match(text, /type inet_proto \. inet_service : ipv4_addr \. inet_service/);
  assert.match(text, /tcp \. 18180 comment "pod of the test" : 127\.0\.0\.1 \. 18181/);
  assert.match(text, /type nat hook output priority (dstnat|-100)/);
  assert.match(text, /comment "ports of the test"/);
  assert.equal(nft.elementNote(socket, table, "ports", portKey(18_180)), "pod of the test");
  assert.equal(nft.elementNote(socket, table, "ports", portKey(1)), undefined);
  assert.deepEqual(nft.listElements(socket, table, "ports"), [
    { key: portKey(18_180), note: "pod of the test" },
  ]);
  assert.deepEqual(nft.listRules(socket, table), [{ chain: "output", note: "ports of the test" }]);

  const server = spawn("socat", ["TCP-LISTEN:18181,fork,reuseaddr", "SYSTEM:echo hello"]);
  const ended = once(server, "close");
  const connect = () =>
    run("socat", ["-t2", "-u", "TCP:127.0.0.1:18180", "STDOUT"]).then(
      ({ stdout }) => stdout,
      () => undefined,
    );
  try {
    assert.equal(await until(connect), "hello\n");
    nft.commit(socket, [nft.deleteElements(table, "ports", [{ key: portKey(18_180) }])]);
    assert.equal(await connect(), undefined);
  } finally {
    server.kill();
    await ended;
  }
  nft.commit(socket, [nft.deleteTable(table)]);
  assert.deepEqual(nft.listElements(socket, table, "ports"), []);
});

test("changes are made as a whole or not at all, and the error names the one that was refused", async () => {
  using socket = NetlinkSocket.open("netfilter");
  nft.commit(socket, portTable());
  const element = (number: number) => ({ key: portKey(number), value: local, note: "" });
  nft.commit(socket, [nft.addElements(table, "ports", [element(1)])]);
  assert.throws(
    () =>
      nft.commit(socket, [
        nft.addElements(table, "ports", [element(2)]),
        nft.addElements(table, "ports", [element(1)]),
      ]),
    { errno: "EEXIST", message: /add to set ports/ },
  );
  assert.throws(() => nft.commit(socket, [nft.deleteElements(table, "ports", [element(7)])]), {
    errno: "ENOENT",
    message: /delete from set ports/,
  });
  assert.equal(nft.listElements(socket, table, "ports").length, 1);
  nft.commit(socket, [nft.deleteTable(table)]);
});

test("changes that stand on rules which somebody has changed meanwhile are refused", async () => {
  using socket = NetlinkSocket.open("netfilter");
  nft.commit(socket, portTable());
  const generation = nft.generationOf(socket);
  nft.commit(socket, [nft.flushChain(table, "output")], generation);
  assert.equal(nft.generationOf(socket), generation + 1);
  assert.throws(() => nft.commit(socket, [nft.flushChain(table, "output")], generation), {
    errno: "ERESTART",
  });
  nft.commit(socket, [nft.deleteTable(table)]);
});

test("a packet's way is chosen by a map of verdicts, a set, masks and marks", async () => {
  using socket = NetlinkSocket.open("netfilter");
  const sources: nft.SetDefinition = { name: "sources", key: ["ipv6"], value: "verdict" };
  const plain: nft.SetDefinition = { name: "plain", key: ["ipv4"] };
  const network = Buffer.from([10, 1, 0, 0]);
  const mark = Buffer.from([0, 0x20, 0, 0]);
  nft.commit(socket, [
    nft.addTable(table),
    nft.addSet(table, sources, 1),
    nft.addSet(table, plain, 2),
    nft.addChain(table, "way"),
    nft.addChain(table, "postrouting", { type: "nat", hook: "postrouting", priority: 100 }),
    nft.addRule(
      table,
      "postrouting",
      [
        nft.loadMeta("family", 0),
        nft.equals(0, Buffer.of(10)),
        nft.loadHeader("network", 8, 16, 0),
        nft.decideByElement("sources", 0),
      ],
      "six",
    ),
    nft.addRule(
      table,
      "postrouting",
      [
        nft.loadMeta("family", 0),
        nft.equals(0, Buffer.of(2)),
        nft.loadHeader("network", 12, 4, 0),
        nft.isElement("plain", 0),
        nft.loadHeader("network", 16, 4, 0),
        nft.maskRegister(0, Buffer.from([255, 255, 0, 0]), Buffer.alloc(4)),
        nft.differs(0, network),
        nft.loadMeta("mark", 0),
        nft.maskRegister(0, Buffer.from([255, 0xdf, 255, 255]), mark),
        nft.storeMark(0),
        nft.masquerade(),
      ],
      "four",
    ),
    nft.addElements(table, "sources", [
      {
        key: Buffer.from("fd870000000000000000000000000002", "hex"),
        value: { kind: "goto", chain: "way" },
        note: "one",
      },
    ]),
  ]);
  const text = await listed();
  assert.match(text, /fd87::2 comment "one" : goto way/);
  assert.match(text, /ip6 saddr vmap @sources comment "six"/);
  assert.match(
    text,
    /ip saddr @plain ip daddr != 10\.1\.0\.0\/16 meta mark set meta mark \| 0x00002000 masquerade comment "four"/,
  );
  nft.commit(socket, [nft.deleteTable(table)]);
});

test("thousands of changes are one step", () => {
  using socket = NetlinkSocket.open("netfilter");
  const names = Array.from({ length: 5_000 }, (_, index) => `chain_${index}`);
  const changes = [nft.addTable("many"), ...names.map((name) => nft.addChain("many", name))];
  nft.commit(socket, changes, nft.generationOf(socket));
  const rules = names.map((name) => nft.addRule("many", name, [nft.decide({ kind: "accept" })], name));
  nft.commit(socket, rules, nft.generationOf(socket));
  assert.equal(nft.listRules(socket, "many").length, names.length);
  assert.throws(
    () =>
      nft.commit(socket, [...rules, nft.addRule("many", "missing", [nft.decide({ kind: "accept" })], "x")]),
    {
      message: /missing/,
    },
  );
  assert.equal(nft.listRules(socket, "many").length, names.length);
});
