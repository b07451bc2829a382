import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { berth } from "../testing/cli.ts";

/** What bash offers for the last word of a command line, with a `berth` that answers like ours. */
async function offered(...words: string[]): Promise<string[]> {
  const { stdout: script } = await berth(["completion", "bash"]);
  const line = words.map((word) => `'${word}'`).join(" ");
  const body = `berth() { echo "name-of-$2"; }
${script}
COMP_WORDS=(berth ${line}); COMP_CWORD=${words.length}
_berth
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)("bash", ["--norc", "-c", body]);
  return stdout.split("\n").filter((word) => word !== "");
}

test("bash completes commands and sub-commands", async () => {
  assert.deepEqual(await offered("im"), ["images", "import", "image"]);
  assert.deepEqual(await offered("image", "p"), ["prune", "pin"]);
  assert.deepEqual(await offered("config", "d"), ["default"]);
});

test("bash completes a command's options and their values", async () => {
  assert.deepEqual(await offered("pods", "--na"), ["--namespace"]);
  assert.deepEqual(await offered("ps", "-o", ""), ["table", "json", "yaml"]);
  assert.deepEqual(await offered("run", "--pull", "n"), ["never"]);
});

test("bash completes names from the endpoint", async () => {
  assert.deepEqual(await offered("logs", ""), ["name-of-containers"]);
  assert.deepEqual(await offered("rm", "web", "n"), ["name-of-objects"]);
  assert.deepEqual(await offered("ps", "--pod", ""), ["name-of-pods"]);
  assert.deepEqual(await offered("run", ""), ["name-of-images"]);
});

test("zsh uses the same script with its adapter for bash", async () => {
  const { stdout } = await berth(["completion", "zsh"]);
  assert.match(stdout, /^#compdef berth\n/);
  assert.match(stdout, /bashcompinit[\s\S]*complete -o default -F _berth berth/);
});

test("fish gets a line for each command and option", async () => {
  const { stdout } = await berth(["completion", "fish"]);
  assert.match(stdout, /-n '__berth_at ""' -a pods -d 'list pods'/);
  assert.match(stdout, /-n '__berth_at "\/ps"' -s o -l output -x -a 'table json yaml'/);
  assert.doesNotMatch(stdout, /-a __complete/);
});

test("an unknown shell is a usage error", async () => {
  assert.equal((await berth(["completion", "tcsh"])).status, 2);
});
