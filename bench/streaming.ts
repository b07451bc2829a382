/**
 * Exec and port-forward of berth against containerd, with one client (ours), alternating: set-up and
 * throughput. `npm run bench -- streaming [ROUNDS]`; measurements in milliseconds are preceded by ten runs
 * that are not counted, in which the client and berth are not compiled yet.
 */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import {
  connectPortForward,
  connectRemoteCommand,
  type Transport,
} from "../src/clients/streamclient/index.ts";
import { connectInNamespace } from "../src/ground/linux/index.ts";
import { ExecRequest, PortForwardRequest } from "../src/ground/protocol/index.ts";
import { RuntimePair, runPod, type Subject } from "./runtime-pair.ts";
import { median, timed } from "./statistics.ts";

const rounds = Number(process.argv[2] ?? 20);
const mebibytes = 256;
const bytes = mebibytes * 2 ** 20;

/** A runtime with a pod that serves a small and a large file on port 80. */
type Streamer = Subject & { readonly podId: string; readonly containerId: string };

await using pair = await RuntimePair.start();
const script = `mkdir /www; echo x > /www/small; truncate -s ${bytes} /www/large; exec httpd -f -p 80 -h /www`;
const subjects: Streamer[] = [];
for (const subject of pair.subjects)
  subjects.push({ ...subject, ...(await runPod(subject, pair.image, "stream", script)) });

const setUps = { warmUp: 10, counted: rounds };
const transfers = { warmUp: 1, counted: 5 };
for (const transport of ["spdy", "websocket"] as const) {
  await compare(`exec set-up, ${transport}: ms`, setUps, (subject) => execSetUp(subject, transport));
}
await compare("exec output: MiB/s", transfers, execOutput);
await compare("exec input: MiB/s", transfers, execInput);
await compare("port-forward connection set-up: ms", setUps, forwardSetUp);
await compare("of it, a connection made inside the pod's network: ms", setUps, insideSetUp);
await compare("port-forward throughput: MiB/s", transfers, forwardThroughput);

/** Measures the subjects in turn, each first in every other round, and prints the medians and their ratio. */
async function compare(
  title: string,
  { warmUp, counted }: { readonly warmUp: number; readonly counted: number },
  measure: (subject: Streamer) => Promise<number>,
): Promise<void> {
  const figures = new Map(subjects.map(({ name }): [string, number[]] => [name, []]));
  for (let round = 0; round < warmUp + counted; round++) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const figure = await measure(subject);
      if (round >= warmUp) figures.get(subject.name)?.push(figure);
    }
  }
  const [ours = Number.NaN, theirs = Number.NaN] = subjects.map(({ name }) =>
    median(figures.get(name) ?? []),
  );
  console.log(
    `${title}: berth ${ours.toFixed(1)}, containerd ${theirs.toFixed(1)}, ratio ${(ours / theirs).toFixed(2)}`,
  );
}

function exec(
  { clients, containerId }: Streamer,
  cmd: string[],
  options: { stdin?: boolean; transport?: Transport } = {},
) {
  const { stdin = false, transport = "spdy" } = options;
  const request = ExecRequest.fromPartial({ containerId, cmd, stdin, stdout: true });
  const url = async () => new URL((await clients.runtime.exec(request)).url);
  return connectRemoteCommand({ url, transport, tty: false, stdin, stdout: true, stderr: false });
}

/** From the exec request to its first byte. */
async function execSetUp(subject: Streamer, transport: Transport): Promise<number> {
  const startedAt = performance.now();
  await using command = await exec(subject, ["echo", "x"], { transport });
  if (command.stdout !== undefined) await once(command.stdout, "data");
  const ms = performance.now() - startedAt;
  await command.exitCode;
  return ms;
}

async function execOutput(subject: Streamer): Promise<number> {
  await using command = await exec(subject, ["head", "-c", String(bytes), "/dev/zero"]);
  return await rate(async () => {
    let received = 0;
    for await (const chunk of command.stdout ?? []) received += (chunk as Buffer).length;
    if (received !== bytes) throw new Error(`${subject.name}: ${received} bytes came`);
  });
}

async function execInput(subject: Streamer): Promise<number> {
  await using command = await exec(subject, ["sh", "-c", "wc -c"], { stdin: true });
  const { stdin } = command;
  if (stdin === undefined) throw new Error("no stdin");
  const chunk = Buffer.alloc(64 * 1024);
  return await rate(async () => {
    for (let sent = 0; sent < bytes; sent += chunk.length)
      if (!stdin.write(chunk)) await once(stdin, "drain");
    stdin.end();
    let said = "";
    for await (const part of command.stdout ?? []) said += part;
    if (Number(said) !== bytes) throw new Error(`${subject.name}: ${said} bytes arrived`);
  });
}

async function forwardSetUp(subject: Streamer): Promise<number> {
  await using client = await forwardClient(subject);
  return (await get(client, "/small")).firstByteMs;
}

async function forwardThroughput(subject: Streamer): Promise<number> {
  await using client = await forwardClient(subject);
  return await rate(async () => {
    const { received } = await get(client, "/large");
    if (received < bytes) throw new Error(`${subject.name}: ${received} bytes came`);
  });
}

/** The minimum for any runtime: the pod's own kernel, and the server there. */
async function insideSetUp({ clients, containerId }: Streamer): Promise<number> {
  const { info } = await clients.runtime.containerStatus({ containerId, verbose: true });
  const { pid } = JSON.parse(info.info ?? "{}");
  const startedAt = performance.now();
  const address = { netnsPath: `/proc/${pid}/ns/net`, host: "127.0.0.1", port: 80 };
  const socket = await connectInNamespace(address);
  socket.write("GET /small HTTP/1.0\r\n\r\n");
  await once(socket, "data");
  const ms = performance.now() - startedAt;
  socket.destroy();
  return ms;
}

function forwardClient({ clients, podId }: Streamer) {
  const request = PortForwardRequest.fromPartial({ podSandboxId: podId, port: [80] });
  return connectPortForward({ url: async () => new URL((await clients.runtime.portForward(request)).url) });
}

/**
 * Fetches a file through a forwarded connection; returns the number of bytes, and when the first one arrived.
 */
async function get(client: Awaited<ReturnType<typeof forwardClient>>, path: string) {
  const startedAt = performance.now();
  const [near, far] = await socketPair();
  const forwarded = client.forward(far, 80);
  // Not half-closed yet: containerd would then allow only one second for the rest.
  near.write(`GET ${path} HTTP/1.0\r\n\r\n`);
  let received = 0;
  let firstByteMs = Number.NaN;
  for await (const chunk of near) {
    if (received === 0) firstByteMs = performance.now() - startedAt;
    received += (chunk as Buffer).length;
  }
  near.end();
  await forwarded;
  return { received, firstByteMs };
}

/** Two ends of a loopback connection, like that of a forwarded port's local client. */
async function socketPair(): Promise<readonly [Socket, Duplex]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const accepted = once(server, "connection");
  const near = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
  const [far] = await accepted;
  server.close();
  if (!(far instanceof Duplex)) throw new Error("no connection");
  return [near, far];
}

async function rate(work: () => Promise<void>): Promise<number> {
  return mebibytes / ((await timed(work)).ms / 1000);
}
