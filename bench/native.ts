/**
 * containerd's own API: berth and the containerd of test/clients/go.mod alternating, with an unmodified ctr
 * and one client for both. `npm run bench -- native [ROUNDS]`, after scripts/clients-programs.sh: `ctr run
 * --rm` of an existing image, of which the first five rounds are not counted; a blob of 1 GB written and
 * read, in a quarter of the rounds; 1,000 calls of Containers.List with 500 containers, five rounds.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { tempDir } from "../src/testing/temp-dir.ts";
import { clientProgram } from "../test/support/client-programs.ts";
import { RuntimePair, type Subject } from "./runtime-pair.ts";
import { median, percentile, timed } from "./statistics.ts";

type Times = Readonly<Record<Subject["name"], number[]>>;

const rounds = Number(process.argv[2] ?? 40);
const warmUp = 5;
const [blobBytes, containers, lists] = [1e9, 500, 1000];

await using pair = await RuntimePair.start();
await using scratch = await tempDir();
for (const subject of pair.subjects)
  await ctr(subject, ["images", "pull", "--local", "--plain-http", pair.image]);

await compare("ctr run --rm", 0.6, rounds, warmUp, async (subject, round) => {
  const args = ["run", "--rm", pair.image, `bench-${round}`, "true"];
  return (await timed(() => ctr(subject, args))).ms;
});

const blob = join(scratch.path, "blob");
const digest = await writeBlob(blob);
const blobRounds = Math.ceil(rounds / 4);
const times = { written: none(), parts: none(), whole: none() };
await inTurn(blobRounds, async (subject) => {
  const { name } = subject;
  times.written[name].push(Number(await goclient(subject, "write", blob, digest)));
  times.parts[name].push((await timed(() => ctr(subject, ["content", "get", digest]))).ms);
  times.whole[name].push(Number(await goclient(subject, "read", digest)));
  await ctr(subject, ["content", "delete", digest]);
  // containerd's blob exists until its garbage collector runs: otherwise, its next write would write nothing.
  await ctr(subject, ["leases", "create", "--id", "collect"]);
  await ctr(subject, ["leases", "delete", "--sync", "collect"]);
});
report("1 GB of content, written", 1, times.written);
report("1 GB of content, read by ctr in parts of 32 KiB", 1, times.parts);
report("1 GB of content, read by one call", 1, times.whole);

for (const subject of pair.subjects) await goclient(subject, "create", String(containers), pair.image);
await compare(`${lists} lists of ${containers} containers`, 1.5, 5, 1, async (subject) =>
  Number(await goclient(subject, "list", String(lists))),
);

async function compare(
  what: string,
  target: number,
  counted: number,
  uncounted: number,
  measure: (subject: Subject, round: number) => Promise<number>,
): Promise<void> {
  const times = none();
  await inTurn(counted + uncounted, async (subject, round) => {
    const ms = await measure(subject, round);
    if (round >= uncounted) times[subject.name].push(ms);
  });
  report(what, target, times);
}

function none(): Times {
  return { berth: [], containerd: [] };
}

/** Alternates which one is first. */
async function inTurn(
  count: number,
  work: (subject: Subject, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < count; round++) {
    for (const subject of round % 2 === 0 ? pair.subjects : pair.subjects.toReversed())
      await work(subject, round);
  }
}

/** `target`: berth's maximum, as a multiple of containerd's time. */
function report(what: string, target: number, times: Times): void {
  for (const [name, figures] of Object.entries(times)) {
    const [p50, p95] = [median(figures), percentile(figures, 0.95)];
    console.log(`${what}, ${name}: p50 ${p50.toFixed(0)} p95 ${p95.toFixed(0)} ms`);
  }
  const ratio = median(times.berth) / median(times.containerd);
  const verdict = ratio <= target ? "reached" : "missed";
  console.log(`${what}: ratio ${ratio.toFixed(2)}, target at most ${target}: ${verdict}`);
}

/** Writes bytes without repeated parts. Returns their digest. */
async function writeBlob(path: string): Promise<string> {
  await using source = await open("/dev/urandom");
  await using target = await open(path, "wx");
  const hash = createHash("sha256");
  for await (const chunk of source.createReadStream({ end: blobBytes - 1, autoClose: false })) {
    hash.update(chunk);
    await target.write(chunk);
  }
  return `sha256:${hash.digest("hex")}`;
}

/** Its output is discarded. */
async function ctr({ socket }: Subject, args: readonly string[]): Promise<void> {
  const child = spawn(clientProgram("ctr"), ["--address", socket, ...args], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  await ended(child, args);
}

async function goclient({ socket }: Subject, ...args: readonly string[]): Promise<string> {
  const child = spawn(clientProgram("goclient"), [socket, "default", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = await Promise.all([text(child.stdout), ended(child, args)]);
  return said;
}

async function ended(child: ChildProcess, args: readonly string[]): Promise<void> {
  const [status] = await once(child, "exit");
  if (status !== 0) throw new Error(`${args.join(" ")}: status ${status}`);
}
