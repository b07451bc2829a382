import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HostPaths } from "../../../ground/hostpaths/index.ts";
import {
  PodSandboxConfig,
  SecurityProfile_ProfileType as ProfileType,
} from "../../../ground/protocol/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { AppArmor } from "../apparmor/app-armor.ts";
import { buildPauseSpec } from "./build-pause-spec.ts";
import { type HostFacts, readHostFacts } from "./host-facts.ts";
import { passNone } from "./passed-annotations.ts";
import { resolvePause } from "./resolve/resolve-pause.ts";

type Asked = NonNullable<
  NonNullable<Parameters<typeof PodSandboxConfig.fromPartial>[0]["linux"]>["securityContext"]
>;

const label = "system_u:object_r:container_file_t:s0:c1,c2";
const labels = { process: "system_u:system_r:container_t:s0:c1,c2", mount: label };

/** A machine with AppArmor, with made-up profiles, and a directory of seccomp profiles. */
async function machine() {
  const directory = await tempDir();
  await mkdir(join(directory.path, "apparmor"));
  await writeFile(join(directory.path, "apparmor/profiles"), "berth-default (enforce)\nmine (enforce)\n");
  await writeFile(join(directory.path, "own.json"), '{"defaultAction":"SCMP_ACT_LOG"}');
  const appArmor = new AppArmor({ directory: join(directory.path, "apparmor") });
  const facts = await readHostFacts();
  const security = {
    unsetSeccompProfile: "unconfined",
    privilegedSeccompProfile: "unconfined",
    seccompProfile: "",
    seccompProfileRoot: directory.path,
    disableApparmor: false,
    apparmorProfile: "berth-default",
    enableSelinux: true,
  };
  return {
    ...directory,
    /** The pause process's spec for a sandbox with that security context. */
    async spec(securityContext: Asked, change: Partial<HostFacts> = {}) {
      const host = { ...facts, seccomp: true, appArmor: true, architecture: "x64", ...change };
      const sandboxConfig = PodSandboxConfig.fromPartial({
        metadata: { name: "web" },
        linux: { securityContext },
      });
      const none = { network: undefined, ipc: undefined, uts: undefined, user: undefined, pid: undefined };
      return buildPauseSpec({
        sandboxConfig,
        sandbox: {
          id: "s1",
          hostname: "web",
          namespaces: none,
          idMappings: undefined,
          specHasIdMappings: false,
          readOnlySysfsIsForAll: false,
          files: { shm: "", hosts: "", hostname: "", resolvConf: "" },
        },
        rootfsPath: "/rootfs",
        program: "/usr/bin/catatonit",
        cgroupDriver: "cgroupfs",
        profiles: await resolvePause({
          sandboxConfig,
          settings: { security },
          host,
          appArmor,
          lookUp: new HostPaths().of("s1"),
          pulledProfiles: { read: async (reference) => assert.fail(reference) },
        }),
        labels,
        host,
        annotationRules: passNone,
      });
    },
  };
}

test("a pause process has the profiles that the sandbox names, otherwise the default ones", async () => {
  await using host = await machine();
  const runtimeDefault = { profileType: ProfileType.RuntimeDefault };
  const unconfined = { profileType: ProfileType.Unconfined };
  for (const asked of [
    {},
    { seccomp: runtimeDefault, apparmor: runtimeDefault },
    { seccomp: unconfined, apparmor: unconfined, privileged: true },
    { seccompProfilePath: "unconfined" },
  ]) {
    const { process, linux } = await host.spec(asked);
    assert.equal(linux.seccomp?.defaultAction, "SCMP_ACT_ERRNO");
    assert.deepEqual(linux.seccomp.architectures, ["SCMP_ARCH_X86_64"]);
    assert.equal(process.apparmorProfile, "berth-default");
  }
  const named = (localhostRef: string) => ({ profileType: ProfileType.Localhost, localhostRef });
  const { process, linux } = await host.spec({ seccomp: named("own.json"), apparmor: named("mine") });
  assert.deepEqual([linux.seccomp?.defaultAction, process.apparmorProfile], ["SCMP_ACT_LOG", "mine"]);
});

test("a pause process runs without profiles that the host does not support, unless they are requested", async () => {
  await using host = await machine();
  const { process, linux } = await host.spec({}, { seccomp: false, appArmor: false });
  assert.deepEqual([linux.seccomp, process.apparmorProfile], [undefined, undefined]);
  const asked = { profileType: ProfileType.RuntimeDefault };
  await assert.rejects(host.spec({ seccomp: asked }, { seccomp: false }), /no seccomp/);
  await assert.rejects(host.spec({ apparmor: asked }, { appArmor: false }), /does not have AppArmor/);
  const missing = { profileType: ProfileType.Localhost, localhostRef: "missing" };
  await assert.rejects(host.spec({ seccomp: missing }), { code: "FailedPrecondition" });
  await assert.rejects(host.spec({ apparmor: missing }), { code: "FailedPrecondition" });
});

test("a pause process has the pod's SELinux labels, no privileges, and nothing writable", async () => {
  await using host = await machine();
  const { process, linux, root } = await host.spec({ privileged: true });
  assert.deepEqual([process.selinuxLabel, linux.mountLabel], [labels.process, labels.mount]);
  assert.deepEqual(process.capabilities, { bounding: [], effective: [], permitted: [] });
  assert.ok(process.noNewPrivileges && root.readonly && process.user.uid !== 0);
  assert.ok(linux.maskedPaths.includes("/proc/kcore") && linux.readonlyPaths.includes("/proc/sys"));
});
