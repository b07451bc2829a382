/**
 * Runs the tests inside scripts/private-host.sh and checks that they left nothing on the machine:
 * `npm test`, `npm test -- unit`, `npm test -- integration`, `npm test -- FILE...`.
 */
import { spawn } from "node:child_process";
import { glob } from "node:fs/promises";
import { readHostState, whatStays } from "../test/support/host-state.ts";

const suites: Readonly<Record<string, string>> = {
  unit: "src/**/*.test.ts",
  integration: "test/**/*.test.ts",
};

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
    codes.push(await runNodeTests(files));
  }
  return codes;
}

function runNodeTests(files: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, ["--test", "--test-reporter=spec", ...files], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}
