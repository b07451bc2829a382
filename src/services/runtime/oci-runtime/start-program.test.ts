import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { cgroupLayout } from "../../../ground/linux/index.ts";

/** Starts a program in a cgroup that has no process left to give. */
const script = `
  const { readFile, writeFile } = await import("node:fs/promises");
  const { messageOf } = await import(${JSON.stringify(new URL("../../../ground/errors/index.ts", import.meta.url).href)});
  const { startProgram } = await import(${JSON.stringify(new URL("oci-runtime.ts", import.meta.url).href)});
  const [cgroup] = process.argv.slice(1);
  await writeFile(cgroup + "/cgroup.procs", String(process.pid));
  await writeFile(cgroup + "/pids.max", await readFile(cgroup + "/pids.current"));
  try {
    startProgram("/bin/true", [], { cwd: "/", env: {}, stdio: ["ignore"] });
  } catch (error) {
    console.log(JSON.stringify({ code: error.code, message: messageOf(error) }));
  }
`;

test("a program for which the machine has no process left is no program that is missing", async () => {
  const layout = await cgroupLayout();
  assert.ok(layout !== undefined && layout.kind !== "v2", "hierarchies of cgroup v1 are not mounted");
  const cgroup = join(layout.v1.get("pids") ?? "", `berth-test-start-${process.pid}`);
  await mkdir(cgroup);
  try {
    const args = ["--input-type=module", "-e", script, cgroup];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { code, message } = JSON.parse(stdout);
    assert.equal(code, "ResourceExhausted");
    assert.match(message, /cannot start \/bin\/true: posix_spawn.*EAGAIN; out of processes.*TasksMax/);
  } finally {
    await rmdir(cgroup);
  }
});
