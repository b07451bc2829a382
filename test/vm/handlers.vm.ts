/** Tests each OCI runtime with systemd, only cgroup v2 and AppArmor, with a daemon that is not a service. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { constants } from "node:os";
import { describe, it } from "node:test";
import {
  NamespaceMode,
  SecurityProfile_ProfileType as ProfileType,
  UpdateContainerResourcesRequest,
} from "../../src/ground/protocol/index.ts";
import { pushImage } from "../../src/testing/registry.ts";
import { busyboxImage } from "../support/busybox.ts";
import { perlLayer } from "../support/perl.ts";
import { execSync, exited, TestPod } from "../support/pod.ts";
import { callsIn } from "../support/system-calls.ts";
import { verboseInfo, verboseSandboxInfo } from "../support/verbose.ts";
import { withBerth } from "../support/with-berth.ts";

const MiB = 2n ** 20n;
const idle = "exec sleep 100000";

for (const handler of ["crun", "runc"]) {
  describe(`a container with ${handler}`, () => {
    const host = withBerth();
    const run = (name: string) =>
      TestPod.run(host.berth, name, { linux: { cgroupParent: `test-${handler}.slice` } }, handler);

    /** Files of the container's cgroup, which must be a scope in the pod's slice. */
    async function cgroupFiles(id: string, ...names: readonly string[]): Promise<readonly string[]> {
      const { pid } = await verboseInfo(host.berth, id);
      const path = (await readFile(`/proc/${pid}/cgroup`, "utf8")).trim().replace("0::", "");
      assert.match(path, new RegExp(`^/test\\.slice/test-${handler}\\.slice/[^/]*${id}\\.scope`));
      const texts = names.map((name) => readFile(`/sys/fs/cgroup${path}/${name}`, "utf8"));
      return (await Promise.all(texts)).map((text) => text.trim());
    }

    it("has its limits in the files of its scope, at the start and after an update", async () => {
      const pod = await run("limits");
      const id = await pod.shell("main", host.image, idle, {
        linux: {
          resources: {
            cpuPeriod: 100_000n,
            cpuQuota: 50_000n,
            memoryLimitInBytes: 64n * MiB,
            cpusetCpus: "0",
            unified: { "memory.high": String(48n * MiB) },
          },
        },
      });
      const files = ["cpu.max", "memory.max", "memory.high", "memory.swap.max", "cpuset.cpus"];
      const limits = ["50000 100000", 64n * MiB, 48n * MiB, 0n, 0n].map(String);
      assert.deepEqual(await cgroupFiles(id, ...files), limits);
      const linux = { memoryLimitInBytes: 96n * MiB, cpuQuota: 20_000n };
      await host.berth.clients.runtime.updateContainerResources(
        UpdateContainerResourcesRequest.fromPartial({ containerId: id, linux }),
      );
      assert.deepEqual(await cgroupFiles(id, "cpu.max", "memory.max"), ["20000 100000", String(96n * MiB)]);
    });

    it("is OOMKilled when it exceeds its memory limit", async () => {
      const pod = await run("oom");
      const id = await pod.shell("hungry", host.image, "x=a; while true; do x=$x$x; done", {
        linux: { resources: { memoryLimitInBytes: 16n * MiB } },
      });
      const { exitCode, reason } = await exited(host.berth, id);
      assert.deepEqual([exitCode, reason], [137, "OOMKilled"]);
    });

    it("is confined by AppArmor with RuntimeDefault, and not with Unconfined", async () => {
      const pod = await run("apparmor");
      // Everything else allows it to mount.
      const start = (name: string, profileType: ProfileType) =>
        pod.shell(name, host.image, idle, {
          linux: {
            securityContext: {
              apparmor: { profileType },
              seccomp: { profileType: ProfileType.Unconfined },
              capabilities: { addCapabilities: ["SYS_ADMIN"] },
            },
          },
        });
      const profileOf = (id: string) => execSync(host.berth, id, "cat", "/proc/1/attr/current");
      const mounts = (id: string) => execSync(host.berth, id, "mount", "-t", "tmpfs", "none", "/tmp");
      const confined = await start("confined", ProfileType.RuntimeDefault);
      assert.equal(await profileOf(confined), "berth-default (enforce)\n");
      await assert.rejects(mounts(confined), /denied|not permitted/);
      const free = await start("free", ProfileType.Unconfined);
      assert.equal(await profileOf(free), "unconfined\n");
      await mounts(free);
    });

    it("cannot create AF_ALG and AF_VSOCK sockets under AppArmor, even without a seccomp filter", async () => {
      const layers = [await perlLayer()];
      await pushImage(host.registry, "perl", "latest", await busyboxImage({ layers }));
      const image = `${host.registry.host}/perl:latest`;
      await host.berth.pull(image);
      const pod = await run("sockets");
      const sockets = { alg: [41, 38, 5, 0], vsock: [41, 40, 1, 0], unix: [41, 1, 1, 0] };
      const calls = Object.entries(sockets).map(([name, [number = 0, ...args]]) => ({ name, number, args }));
      const seccomp = { profileType: ProfileType.Unconfined };
      const apparmor = { profileType: ProfileType.RuntimeDefault };
      const errnos = await callsIn(host.berth, pod, "calls", image, calls, { seccomp, apparmor });
      const { EACCES } = constants.errno;
      assert.deepEqual(Object.fromEntries(errnos), { alg: EACCES, vsock: EACCES, unix: 0 });
    });

    it("shares its PID namespace with a pause process, which AppArmor confines as well", async () => {
      const namespaceOptions = { pid: NamespaceMode.POD };
      const linux = { cgroupParent: `test-${handler}.slice`, securityContext: { namespaceOptions } };
      const pod = await TestPod.run(host.berth, "pause", { linux }, handler);
      const { pid } = await verboseSandboxInfo(host.berth, pod.id);
      assert.equal(await readFile(`/proc/${pid}/attr/current`, "utf8"), "berth-default (enforce)\n");
      assert.match(await readFile(`/proc/${pid}/status`, "utf8"), /^Seccomp:\t2$/m);
      await host.berth.clients.runtime.removePodSandbox({ podSandboxId: pod.id });
    });
  });
}
