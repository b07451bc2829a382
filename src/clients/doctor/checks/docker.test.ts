import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseConfig } from "../../../ground/config/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { dockerCheck, dockerFindings, kubeletDriver } from "./docker.ts";

const good = {
  CgroupDriver: "systemd",
  CgroupVersion: "2",
  Driver: "overlay2",
  LiveRestoreEnabled: true,
} as const;

const severities = (...args: Parameters<typeof dockerFindings>) =>
  dockerFindings(...args).map(({ severity, title }) => `${title}: ${severity}`);

test("an engine that has all that pods need is as it should be", () => {
  assert.deepEqual(severities(good, "systemd"), [
    "Docker cgroup driver: ok",
    "Docker storage driver: ok",
    "Docker live-restore: ok",
  ]);
});

test("a cgroup driver that is not the kubelet's, a poor storage driver and no live-restore are told", () => {
  const poor = { ...good, Driver: "devicemapper", LiveRestoreEnabled: false };
  assert.deepEqual(severities(poor, "cgroupfs"), [
    "Docker cgroup driver: warn",
    "Docker storage driver: warn",
    "Docker live-restore: hint",
  ]);
  assert.match(dockerFindings(poor, "cgroupfs")[0]?.remedy ?? "", /native\.cgroupdriver=cgroupfs/);
  assert.equal(severities({ ...good, CgroupDriver: "none" }, undefined)[0], "Docker cgroup driver: fail");
});

test("the kubelet's cgroup driver is read from its configuration, if it says one", async () => {
  await using directory = await tempDir();
  const path = join(directory.path, "config.yaml");
  assert.equal(await kubeletDriver(path), undefined);
  await writeFile(path, "kind: KubeletConfiguration\n");
  assert.equal(await kubeletDriver(path), undefined);
  await writeFile(path, "kind: [KubeletConfiguration\n");
  assert.equal(await kubeletDriver(path), undefined);
  await writeFile(path, "kind: KubeletConfiguration\ncgroupDriver: systemd\n");
  assert.equal(await kubeletDriver(path), "systemd");
});

test("an engine that does not answer is a failure, and with the native engine none is looked for", async () => {
  const run = (toml: string) =>
    dockerCheck.run({ config: parseConfig(toml, "test"), registries: [] }, new AbortController().signal);
  const [finding] = await run('[engine]\nname = "docker"\n[docker]\nhost = "unix:///none/docker.sock"\n');
  assert.deepEqual([finding?.severity, finding?.title], ["fail", "Docker Engine"]);
  assert.deepEqual(await run(""), []);
});
