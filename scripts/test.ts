/**
 * Runs the tests inside scripts/private-host.sh and checks that they left nothing on the machine:
 * `npm test`, `npm test -- unit`, `npm test -- integration`, `npm test -- FILE...`. Tests of the whole daemon run once with
 * each OCI runtime; BERTH_TEST_HANDLER=crun or runc chooses one.
 */
import { spawn } from "node:child_process";
import { glob } from "node:fs/promises";
import { readHostState, whatStays } from "../test/support/host-state.ts";

const suites: Readonly<Record<string, string>> = {
  unit: "src/**/*.test.ts",
  integration: "test/**/*.test.ts",
};
const handlers =
  process.env.BERTH_TEST_HANDLER === undefined ? ["crun", "runc"] : [process.env.BERTH_TEST_HANDLER];

/** Test files wait more than they compute. Where nobody waits for the answer they have the machine for themselves. */
const filesAtOnce = process.env.CI === undefined ? 2 : 1;
/** What hangs fails, and says where; far beyond what the slowest file takes. */
const timeoutMs = 600_000;

const chosen = process.argv.slice(2);
const before = await readHostState();
const codes = await runSuites(chosen.length === 0 ? Object.keys(suites) : chosen);
const left = await whatStays(before);
for (const item of left) console.error(`left behind by the tests: ${item}`);
process.exitCode = left.length > 0 || codes.some((code) => code !== 0) ? 1 : 0;

/** One suite after the other, the second also when the first fails: a reader wants to see all that is broken. */
async function runSuites(names: readonly string[]): Promise<readonly number[]> {
  const codes: number[] = [];
  for (const name of names) {
    const pattern = suites[name];
    const files = pattern === undefined ? [name] : (await Array.fromAsync(glob(pattern))).sort();
    if (files.length === 0) throw new Error(`no tests found for ${name}`);
    const ofDaemon = name === "integration" || name.startsWith("test/");
    for (const handler of ofDaemon ? handlers : [undefined]) codes.push(await runNodeTests(files, handler));
  }
  return codes;
}

function runNodeTests(files: readonly string[], handler: string | undefined): Promise<number> {
  if (handler !== undefined) console.log(`with ${handler}:`);
  const options = [`--test-concurrency=${filesAtOnce}`, `--test-timeout=${timeoutMs}`];
  const child = spawn(process.execPath, ["--test", "--test-reporter=spec", ...options, ...files], {
    stdio: "inherit",
    env: { ...process.env, ...(handler !== undefined && { BERTH_TEST_HANDLER: handler }) },
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
