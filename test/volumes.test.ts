import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { MountPropagation } from "../src/ground/protocol/index.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { CrashingBerth } from "./support/crashing-berth.ts";
import { execSync, TestPod } from "./support/pod.ts";

const run = promisify(execFile);

/** Mounts a directory with shared propagation, which all mounts have if systemd is the init. */
async function shareMounts(directory: string): Promise<AsyncDisposable> {
  await run("mount", ["--bind", directory, directory]);
  await run("mount", ["--make-shared", directory]);
  return {
    [Symbol.asyncDispose]: async () => {
      await run("umount", ["--recursive", "--lazy", directory]);
    },
  };
}

describe("a volume", () => {
  const names = [
    "PROPAGATION_PRIVATE",
    "PROPAGATION_HOST_TO_CONTAINER",
    "PROPAGATION_BIDIRECTIONAL",
  ] as const;
  for (const name of names) {
    it(`keeps its contents when the pod that mounted it with ${name} is removed`, async () => {
      const propagation = MountPropagation[name];
      await using registry = await startBusyboxRegistry();
      await using host = await CrashingBerth.start();
      const { berth } = host;
      await berth.pull(registry.image);
      const clean = await host.traces();
      const hostPath = join(berth.directory, "volume");
      const [file, fileBelow] = [join(hostPath, "file"), join(hostPath, "below", "file")];
      await mkdir(join(hostPath, "below"), { recursive: true });
      {
        await using _state = await shareMounts(berth.state);
        await using _volume = await shareMounts(hostPath);
        await run("mount", ["--types", "tmpfs", "none", join(hostPath, "below")]);
        await Promise.all([writeFile(file, "kept"), writeFile(fileBelow, "kept")]);
        const linux = { cgroupParent: host.cgroupParent, securityContext: { privileged: true } };
        const pod = await TestPod.run(berth, "volume", { linux });
        const id = await pod.shell("main", registry.image, "exec sleep 1000", {
          mounts: [{ hostPath, containerPath: "/data", propagation }],
          linux: { securityContext: { privileged: true } },
        });
        assert.equal(await execSync(berth, id, "cat", "/data/below/file"), "kept");
        const script =
          "mkdir /data/inside && mount -t tmpfs none /data/inside && echo kept > /data/inside/file";
        await execSync(berth, id, "sh", "-c", script);
        await berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
        assert.equal(await readFile(file, "utf8"), "kept");
        assert.equal(await readFile(fileBelow, "utf8"), "kept");
        if (name === "PROPAGATION_BIDIRECTIONAL")
          assert.equal(await readFile(join(hostPath, "inside", "file"), "utf8"), "kept\n");
      }
      await host.returnsTo([...clean, ...(await host.traces()).filter((trace) => trace.startsWith("link "))]);
    });
  }
});
