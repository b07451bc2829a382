import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { test } from "node:test";
import { createLogger } from "../../ground/logging/index.ts";
import { PeerAddresses } from "./index.ts";

const logger = createLogger({ level: "fatal", format: "json" });
const types: Readonly<Record<number, string>> = { 1: "A", 28: "AAAA", 33: "SRV" };

/** A DNS server with these records, `TYPE NAME`, as data of answers. */
async function startDns(records: Readonly<Record<string, readonly Buffer[]>>) {
  const socket = createSocket("udp4");
  const asked: string[] = [];
  socket.on("message", (query, { port, address }) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString("latin1", at + 1, at + 1 + length));
      at += length + 1;
    }
    const question = query.subarray(12, at + 5);
    const key = `${types[query.readUInt16BE(at + 1)]} ${labels.join(".")}`;
    asked.push(key);
    const found = records[key] ?? [];
    const answers = found.map((data) => {
      const head = Buffer.from([0xc0, 12, ...query.subarray(at + 1, at + 5), 0, 0, 0, 60, 0, data.length]);
      return Buffer.concat([head, data]);
    });
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(found.length === 0 ? 0x8183 : 0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    socket.send(Buffer.concat([header, question, ...answers]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  return { resolver, asked, [Symbol.dispose]: () => void socket.close() };
}

function srv(port: number, name: string): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(port, 4);
  const labels = name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([head, ...labels, Buffer.from([0])]);
}

test("peers are all addresses of a name, what SRV records say, and those that are given as they are", async () => {
  const v6 = Buffer.from("20010db8000000000000000000000007", "hex");
  using dns = await startDns({
    "A nodes.example.test": [Buffer.from([10, 0, 0, 1]), Buffer.from([10, 0, 0, 2])],
    "AAAA nodes.example.test": [v6],
    "SRV _berth._tcp.example.test": [srv(7078, "one.example.test")],
    "A one.example.test": [Buffer.from([10, 0, 0, 3])],
  });
  const from = ["nodes.example.test:7077", "_berth._tcp.example.test", "192.0.2.1:1", "[2001:db8::9]:2"];
  const addresses = new PeerAddresses(from, logger, dns.resolver);
  const shown = (await addresses.all()).map(({ name, address, port }) => `${name} ${address} ${port}`);
  assert.deepEqual(shown.sort(), [
    "192.0.2.1 192.0.2.1 1",
    "2001:db8::9 2001:db8::9 2",
    "nodes.example.test 10.0.0.1 7077",
    "nodes.example.test 10.0.0.2 7077",
    "nodes.example.test 2001:db8::7 7077",
    "one.example.test 10.0.0.3 7078",
  ]);
  const before = dns.asked.length;
  await addresses.all();
  assert.equal(dns.asked.length, before);
});

test("a name that cannot be looked up is left out", async () => {
  using dns = await startDns({});
  const addresses = new PeerAddresses(["none.example.test:1", "192.0.2.1:1"], logger, dns.resolver);
  assert.deepEqual(
    (await addresses.all()).map(({ address }) => address),
    ["192.0.2.1"],
  );
});
