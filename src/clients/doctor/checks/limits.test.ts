import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Finding } from "../check.ts";

/** What the check finds in a user namespace of its own, with so many inotify instances. */
async function findings(instances: number): Promise<readonly Finding[]> {
  const check = JSON.stringify(new URL("limits.ts", import.meta.url).href);
  const script = `const { limitsCheck } = await import(${check}); console.log(JSON.stringify(await limitsCheck.run()));`;
  const limited = `echo ${instances} > /proc/sys/user/max_inotify_instances; exec "$@"`;
  const { stdout } = await promisify(execFile)("unshare", [
    ...["--user", "--map-root-user", "sh", "-c", limited, "sh"],
    ...[process.execPath, "--input-type=module", "-e", script],
  ]);
  return JSON.parse(stdout);
}

test("a user who has no inotify instance left is warned", async () => {
  const inotify = async (instances: number) =>
    (await findings(instances)).find(({ title }) => title === "inotify");
  assert.equal((await inotify(8))?.severity, "ok");
  const without = await inotify(0);
  assert.equal(without?.severity, "warn");
  assert.match(without.detail, /used up its inotify instances.*EMFILE/);
  assert.match(without.remedy ?? "", /fs\.inotify\.max_user_instances/);
});
