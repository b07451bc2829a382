/**
 * Tests the CRI of Kubernetes 1.38 with its own Go client, with security profiles that an independent tool
 * pushed.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { digestHex } from "../../src/parts/oci/index.ts";
import { profileArtifact } from "../../src/testing/artifacts.ts";
import type { TestImage } from "../../src/testing/images.ts";
import { tempDir } from "../../src/testing/temp-dir.ts";
import { withBerth } from "../support/with-berth.ts";

const run = promisify(execFile);
const client = new URL("../../.conformance/cri138", import.meta.url).pathname;

describe("the CRI of Kubernetes 1.38", () => {
  const host = withBerth();

  /**
   * Pushes an artifact with skopeo from an image layout on disk, and returns the digest that skopeo reports.
   */
  async function pushWithSkopeo(artifact: TestImage, repository: string): Promise<string> {
    await using layout = await tempDir();
    const blobs = join(layout.path, "blobs/sha256");
    await mkdir(blobs, { recursive: true });
    for (const [digest, { bytes }] of artifact.blobs) await writeFile(join(blobs, digestHex(digest)), bytes);
    await writeFile(join(layout.path, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    const index = { schemaVersion: 2, manifests: [artifact.target] };
    await writeFile(join(layout.path, "index.json"), JSON.stringify(index));
    const target = `docker://${host.registry.host}/${repository}:v1`;
    await run("skopeo", [
      "copy",
      "--insecure-policy",
      "--dest-tls-verify=false",
      `oci:${layout.path}`,
      target,
    ]);
    const { stdout } = await run("skopeo", ["inspect", "--raw", "--tls-verify=false", target]);
    assert.equal(stdout, Buffer.from(artifact.blobs.get(artifact.target.digest)?.bytes ?? []).toString());
    return artifact.target.digest;
  }

  it("answers its own client as documented: profiles from a registry, cgroup modes, fractions in metrics", async () => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 122 }],
    };
    const digest = await pushWithSkopeo(profileArtifact(profile), "profiles/no-directories");
    const reference = `${host.registry.host}/profiles/no-directories@${digest}`;
    const { stdout } = await run(client, [
      host.berth.socket,
      reference,
      host.image,
      join(host.berth.logDir, "cri138"),
    ]);
    assert.match(stdout, /^cgroup_mount_mode: (true|false)$/m);
  });
});
