/**
 * Runs the tests inside scripts/private-host.sh and checks that they left nothing on the machine: `npm test`,
 * `npm test -- unit`, `npm test -- integration`, `npm test -- FILE...`. Tests of the whole daemon run once
 * with each OCI runtime, except for those that are independent of it; BERTH_TEST_HANDLER=crun or runc selects
 * one. `npm run test:load` (`--load`) runs the same beside a busy loop for each processor, to find tests that
 * depend on timing. With BERTH_TEST_ENGINE=docker exactly the tests that cannot pass over Docker must fail
 * (test/docker-exceptions.ts).
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { glob, mkdtempDisposable, readFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { parseArgs } from "node:util";
import { surprises } from "../test/docker-exceptions.ts";
import { testEngine } from "../test/support/engine.ts";
import { leftovers, readHostState } from "../test/support/host-state.ts";
import type { FailedTest } from "./failures-reporter.ts";

const suites: Readonly<Record<string, string>> = {
  unit: "src/**/*.test.ts",
  integration: "test/**/*.test.ts",
};
const handlers =
  process.env.BERTH_TEST_HANDLER === undefined ? ["crun", "runc"] : [process.env.BERTH_TEST_HANDLER];

/**
 * These test layers above the OCI runtime (the pod manager, a Docker engine, which has its own runtime,
 * images and their stores), or choose it themselves: `npm test` runs them only with the first handler.
 */
const onceForAll = new Set(
  [
    "attacks-images",
    "attacks-requests",
    "cli",
    "container-images",
    "containerd-api",
    "containerd-archives",
    "containerd-content",
    "containerd-diff",
    "containerd-registries",
    "containerd-restarts",
    "containerd-storage",
    "containerd-transfer",
    "damaged-state",
    "dead-volumes",
    "declared-volumes",
    "docker-crash",
    "docker-engine",
    "docker-events",
    "docker-images",
    "docker-newer",
    "docker-remains",
    "docker-setups",
    "examples",
    "exec-memory",
    "full-disk",
    "killed-client",
    "layers",
    "lists",
    "manager",
    "manager-crash",
    "metrics",
    "networks",
    "node-pressure",
    "peers",
    "play",
    "pod-cgroups",
    "pod-life",
    "pod-room",
    "pod-volumes",
    "pull-crash",
    "push-crash",
    "run",
    "services",
  ].map((name) => `test/${name}.test.ts`),
);

/**
 * Test files wait more than they compute. The number is the same everywhere: what fails in one place must
 * fail in every other.
 */
const filesAtOnce = 2;
/** A test that hangs fails, and reports where; far longer than the slowest file takes. */
const timeoutMs = 600_000;

const { values, positionals: chosen } = parseArgs({
  options: { load: { type: "boolean", default: false } },
  allowPositionals: true,
});
const before = await readHostState();
const codes = await beside(values.load ? availableParallelism() : 0, () =>
  runSuites(chosen.length === 0 ? Object.keys(suites) : chosen),
);
const left = await leftovers(before);
for (const item of left) console.error(`left behind by the tests: ${item}`);
process.exitCode = left.length > 0 || codes.some((code) => code !== 0) ? 1 : 0;

/**
 * Runs something beside that many busy loops. They end with it, whatever its result, and with this process.
 */
async function beside<Result>(loops: number, run: () => Promise<Result>): Promise<Result> {
  const script = `while (process.ppid === ${process.pid});`;
  const busy = Array.from({ length: loops }, () => spawn(process.execPath, ["-e", script]));
  try {
    return await run();
  } finally {
    const ended = busy.map((loop) => once(loop, "exit"));
    for (const loop of busy) loop.kill("SIGKILL");
    await Promise.all(ended);
  }
}

/**
 * One suite after the other; the second runs even if the first fails, so that a reader sees everything that
 * is broken.
 */
async function runSuites(names: readonly string[]): Promise<readonly number[]> {
  const codes: number[] = [];
  for (const name of names) {
    const pattern = suites[name];
    const files = (await Array.fromAsync(glob(pattern ?? normalize(name)))).sort();
    if (files.length === 0) throw new Error(`no tests found for ${name}`);
    const ofDaemon = name === "integration" || name.startsWith("test/");
    const [first, ...others] = ofDaemon ? handlers : [undefined];
    codes.push(await runNodeTests(files, first));
    const again = pattern === undefined ? files : files.filter((file) => !onceForAll.has(file));
    for (const handler of others) codes.push(await runNodeTests(again, handler));
  }
  return codes;
}

async function runNodeTests(files: readonly string[], handler: string | undefined): Promise<number> {
  if (testEngine !== "docker") return await startNodeTests(files, handler);
  await using directory = await mkdtempDisposable(join(tmpdir(), "berth-test-failures-"));
  const path = join(directory.path, "failures");
  const reporter = ["--test-reporter=./scripts/failures-reporter.ts", `--test-reporter-destination=${path}`];
  const code = await startNodeTests(files, handler, ["--test-reporter-destination=stdout", ...reporter]);
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  const failed = lines.map((line) => JSON.parse(line) as FailedTest);
  const surprising = surprises(files, failed);
  for (const each of surprising) console.error(`over Docker: ${each}`);
  // Any other code is not because of failed tests.
  const isOfTests = code === 0 || (code === 1 && failed.length > 0);
  return isOfTests ? Math.min(surprising.length, 1) : code;
}

function startNodeTests(
  files: readonly string[],
  handler: string | undefined,
  more: readonly string[] = [],
): Promise<number> {
  if (handler !== undefined) console.log(`with ${handler}:`);
  const options = [`--test-concurrency=${filesAtOnce}`, `--test-timeout=${timeoutMs}`];
  const child = spawn(process.execPath, ["--test", "--test-reporter=spec", ...more, ...options, ...files], {
    stdio: "inherit",
    env: { ...process.env, ...(handler !== undefined && { BERTH_TEST_HANDLER: handler }) },
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    // Without a code, a signal has ended it.
    child.on("exit", (code) => resolve(code ?? 128));
  });
}
