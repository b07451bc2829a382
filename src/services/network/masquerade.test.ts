import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { enterPrivateNetwork } from "../../testing/private-network.ts";
import { bridged, leftovers, nothing } from "./testing/bridged.ts";
import { realPlugins, type TestNetwork } from "./testing/test-network.ts";

await enterPrivateNetwork();

const run = promisify(execFile);
const limit = { timeout: 120_000 };

/**
 * Has the bridge plugin killed at its first call of `iptables` with that option, once, in the plugin's
 * given command; the call itself then does what `after` says, in shell.
 */
async function killAt(rig: TestNetwork, command: "ADD" | "DEL", option: string, after = "exit 1") {
  const bin = `${rig.root}/killing`;
  await mkdir(bin, { recursive: true });
  const once = `mkdir '${bin}/done' 2>/dev/null`;
  for (const program of ["iptables", "ip6tables"]) {
    const { stdout } = await run("sh", ["-c", `command -v ${program}`]);
    const script = `#!/bin/sh\nREAL=${stdout.trim()}\ncase "$*" in *"${option}"*) if ${once}; then echo $$ >'${bin}/pid'; kill -9 $PPID; ${after}; fi;; esac\nexec "$REAL" "$@"\n`;
    await writeFile(`${bin}/${program}`, script, { mode: 0o755 });
  }
  await rig.plugin(
    "bridge",
    `if [ "$CNI_COMMAND" = ${command} ]; then PATH='${bin}':$PATH; export PATH; fi\nexec ${realPlugins}/bridge`,
  );
}

/** The chains of pods in iptables' tables, as often as they are named, including empty ones. */
async function rules(): Promise<readonly string[]> {
  const saved = await Promise.all(
    ["iptables-save", "ip6tables-save"].map((save) => run(save, ["-t", "nat"])),
  );
  return saved.flatMap(({ stdout }) => stdout.match(/CNI-[0-9a-f]{24}/g) ?? []);
}

async function assertNothingLeft(rig: TestNetwork): Promise<void> {
  assert.deepEqual(await rules(), []);
  assert.deepEqual(await leftovers(rig), nothing);
  assert.deepEqual(await rig.network.attachments(), []);
}

for (const option of ["-D POSTROUTING", "-F CNI-", "-X CNI-"]) {
  for (const isRestarted of [false, true]) {
    const how = isRestarted ? "berthd ended then" : "berthd goes on";
    test(`nothing stays of a pod whose DEL was killed at iptables ${option}, and ${how}`, limit, async () => {
      await using rig = await bridged();
      const [pod, other] = [await rig.pod(), await rig.pod()];
      await rig.network.attach(other);
      const before = await rules();
      await rig.network.attach(pod);
      await killAt(rig, "DEL", option);
      await assert.rejects(rig.network.detach(pod.sandboxId), { code: "Internal", message: /bridge failed/ });
      assert.notDeepEqual(await rules(), before);
      if (isRestarted) await rig.restart();
      await rig.network.detach(pod.sandboxId);
      assert.deepEqual(await rules(), before);
      await rig.network.detach(other.sandboxId);
      await assertNothingLeft(rig);
    });
  }
}

for (const option of ["-N CNI-", "-A CNI-", "-A POSTROUTING"]) {
  test(`nothing stays of a pod whose ADD was killed while iptables ${option} continues`, limit, async () => {
    await using rig = await bridged();
    const pod = await rig.pod();
    await killAt(rig, "ADD", option, "sleep 10");
    await assert.rejects(rig.network.attach(pod), { code: "Internal", message: /bridge failed/ });
    const pid = (await readFile(`${rig.root}/killing/pid`, "utf8")).trim();
    // Empty for one that has ended, even if nobody has collected its exit status.
    assert.equal(await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""), "");
    await rig.network.detach(pod.sandboxId);
    await assertNothingLeft(rig);
  });
}

test("nothing stays of a pod whose namespace is gone before DEL", limit, async () => {
  await using rig = await bridged();
  const pod = await rig.pod();
  await rig.network.attach(pod);
  await rig.loseNamespace(pod);
  await rig.network.detach(pod.sandboxId);
  await assertNothingLeft(rig);
});
