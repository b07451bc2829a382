import assert from "node:assert/strict";
import { test } from "node:test";
import { HostPaths } from "../../ground/hostpaths/index.ts";
import { ContainerConfig, PodSandboxConfig } from "../../ground/protocol/index.ts";
import { type ContainerDetails, DockerClient } from "../../parts/dockerapi/index.ts";
import { parseDigest } from "../../parts/oci/index.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { containerBody } from "./container-body.ts";
import type { FoundSandbox } from "./found.ts";

type Config = Parameters<typeof ContainerConfig.fromPartial>[0];

/** What Docker is asked for. */
async function bodyOf(config: Config, { hasSelinux = false } = {}) {
  using client = new DockerClient({ endpoint: { kind: "unix", path: "/none" }, tls: undefined });
  const pod = PodSandboxConfig.fromPartial({});
  const sandbox: FoundSandbox = {
    id: "sandbox",
    labels: { kind: "sandbox", config: pod, handler: "" },
    // Nothing is read of these.
    details: {} as ContainerDetails,
    view: {} as FoundSandbox["view"],
  };
  const labels = {
    config: ContainerConfig.fromPartial(config),
    sandboxId: "sandbox",
    imageId: parseDigest(`sha256:${"0".repeat(64)}`),
    imageRef: "image",
    logPath: "",
  };
  const options = {
    client,
    hasSelinux,
    cgroupDriver: "cgroupfs",
    security: {
      unsetSeccompProfile: "unconfined",
      privilegedSeccompProfile: "unconfined",
      seccompProfileRoot: "/",
    },
    absentMountSourcesToReject: [],
    logBufferMib: 1,
    minOomScoreAdj: -1000,
  } as const;
  return await containerBody(sandbox, labels, options, new HostPaths().of("pod"));
}

test("a volume is relabelled where the engine has SELinux, and is an ordinary mount where it has not", async () => {
  await using directory = await tempDir();
  const mounts = [{ hostPath: directory.path, containerPath: "/data", selinuxRelabel: true }];
  const labelled = (await bodyOf({ mounts }, { hasSelinux: true })).HostConfig;
  assert.deepEqual(labelled.Binds, [`${directory.path}:/data:rw,Z,rprivate`]);
  assert.deepEqual(labelled.Mounts, []);
  const { Binds, Mounts = [] } = (await bodyOf({ mounts })).HostConfig;
  assert.deepEqual([Binds, Mounts.map(({ Target }) => Target)], [undefined, ["/data"]]);
});

test("a volume that Docker could not relabel as it is named is refused", async () => {
  const mounts = [{ hostPath: "/tmp", containerPath: "/a:b", selinuxRelabel: true }];
  await assert.rejects(bodyOf({ mounts }, { hasSelinux: true }), /mounts\.selinux_relabel.*colon/);
});
