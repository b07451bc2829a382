/**
 * How long commands of the command line take, from the start of the process to its exit, compared with a Node
 * that does nothing and, if `npm run conformance` has built it, crictl: alternating, with ten running
 * containers. `npm run bench -- cli [ROUNDS] [--json]`; the first three rounds, without a compile cache, are
 * not counted.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { TestBerth } from "../test/support/berth.ts";
import { startBusyboxRegistry } from "../test/support/busybox.ts";
import { TestPod } from "../test/support/pod.ts";
import { median, percentile, timed } from "./statistics.ts";

type Subject = { readonly name: string; readonly command: readonly [string, ...string[]] };

const root = new URL("..", import.meta.url).pathname;
const rounds = Number(process.argv.slice(2).find((arg) => /^\d+$/.test(arg)) ?? 40);
const asJson = process.argv.includes("--json");
const [warmUp, containers] = [3, 10];

await using registry = await startBusyboxRegistry();
await using berth = await TestBerth.start();
await berth.pull(registry.image);
for (let index = 0; index < containers; index++) {
  const pod = await TestPod.run(berth, `pod-${index}`);
  await pod.shell("main", registry.image, "exec sleep 100000");
}

const bareNode = "node -e 0";
const program = join(root, "bin/berth");
const crictl = join(root, ".conformance/crictl");
const commands: Subject[] = [
  { name: bareNode, command: [process.execPath, "-e", "0"] },
  { name: "berth --version", command: [program, "--version"] },
  { name: "berth --help", command: [program, "--help"] },
  { name: "berth ps", command: [program, "ps"] },
  { name: "berth images", command: [program, "images"] },
  { name: "berth inspect POD", command: [program, "inspect", "pod-0"] },
];
if (await isThere(crictl))
  commands.push({
    name: "crictl ps",
    command: [crictl, "--runtime-endpoint", `unix://${berth.socket}`, "ps"],
  });

const times = new Map<string, number[]>(commands.map(({ name }) => [name, []]));
for (let round = 0; round < rounds + warmUp; round++) {
  for (const { name, command } of commands) {
    const { ms } = await timed(() => run(command));
    if (round >= warmUp) times.get(name)?.push(ms);
  }
}

const bare = median(times.get(bareNode) ?? []);
const figures = [...times].map(([name, list]) => ({
  name,
  p50Ms: round1(median(list)),
  p99Ms: round1(percentile(list, 0.99)),
  toBareNode: Math.round((median(list) / bare) * 100) / 100,
}));
if (asJson) console.log(JSON.stringify({ rounds, containers, figures }, undefined, 2));
else {
  console.log("| command | p50 | p99 | to bare Node |\n|---|---|---|---|");
  for (const { name, p50Ms, p99Ms, toBareNode } of figures)
    console.log(`| \`${name}\` | ${p50Ms} ms | ${p99Ms} ms | ${toBareNode.toFixed(2)} |`);
}

/** Output goes into a pipe, as in scripts. Throws unless the command succeeds. */
async function run([file, ...args]: Subject["command"]): Promise<void> {
  const child = spawn(file, args, {
    env: { ...process.env, BERTH_ADDRESS: berth.socket },
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.resume();
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(`${file} ${args.join(" ")}: status ${status}`);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function round1(ms: number): number {
  return Math.round(ms * 10) / 10;
}
