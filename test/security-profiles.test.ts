import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { SecurityProfile_ProfileType as ProfileType } from "../src/ground/protocol/index.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { TestBerth } from "./support/berth.ts";
import { startBusyboxRegistry } from "./support/busybox.ts";
import { TestPod } from "./support/pod.ts";
import { shellConfig } from "./support/requests.ts";

/** Allows everything except creating directories. */
const noDirectories = JSON.stringify({
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
});

const localhost = (localhostRef: string) => ({ profileType: ProfileType.Localhost, localhostRef });
const runtimeDefault = { profileType: ProfileType.RuntimeDefault };
const unconfined = { profileType: ProfileType.Unconfined };

describe("a security profile", () => {
  const opened = new AsyncDisposableStack();
  after(() => opened.disposeAsync());
  let profiles = "";
  let berth: TestBerth;
  let image = "";
  let pod: TestPod;
  before(async () => {
    profiles = opened.use(await tempDir()).path;
    await mkdir(join(profiles, "team"));
    await writeFile(join(profiles, "team", "no-directories.json"), noDirectories);
    await writeFile(join(profiles, "broken.json"), "{");
    image = opened.use(await startBusyboxRegistry()).image;
    berth = opened.use(
      await TestBerth.start({
        config: `
[security]
unset_seccomp_profile = "localhost/team/no-directories.json"
privileged_seccomp_profile = "runtime/default"
seccomp_profile = ${JSON.stringify(join(profiles, "team", "no-directories.json"))}
seccomp_profile_root = ${JSON.stringify(profiles)}
disable_apparmor = true
`,
      }),
    );
    await berth.pull(image);
    pod = await TestPod.run(berth, "profiles", { linux: { securityContext: { privileged: true } } });
  });

  const tries = "mkdir /tmp/new 2>/dev/null && echo made || echo refused; grep ^Seccomp: /proc/self/status";
  let count = 0;
  const outcome = (securityContext: object) =>
    pod.output(`try-${++count}`, image, tries, { linux: { securityContext } });
  const filtered = "refused\nSeccomp:\t2\n";
  const open = "made\nSeccomp:\t0\n";

  it("of seccomp is read from Localhost's file, by its path or by its name in the configured directory", async () => {
    const file = join(profiles, "team", "no-directories.json");
    for (const seccomp of [localhost(file), localhost("team/no-directories.json")])
      assert.equal(await outcome({ seccomp }), filtered);
    assert.equal(await outcome({ seccompProfilePath: `localhost/${file}` }), filtered);
    assert.equal(await outcome({ seccompProfilePath: "unconfined" }), open);
  });

  it("of seccomp may have rules with one name, like docker's, and rules and calls without effect", async () => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { name: "mkdir", action: "SCMP_ACT_ERRNO" },
        { names: ["mkdirat", "nobody_knows_this"], action: "SCMP_ACT_ERRNO" },
        { action: "SCMP_ACT_ERRNO" },
      ],
    };
    await writeFile(join(profiles, "docker.json"), JSON.stringify(profile));
    assert.equal(await outcome({ seccomp: localhost("docker.json") }), filtered);
  });

  it("of seccomp that is missing, broken or outside its directory prevents the container", async () => {
    const refuses = (seccomp: object, reason: RegExp) =>
      assert.rejects(
        pod.create(shellConfig("none", image, "", { linux: { securityContext: { seccomp } } })),
        reason,
      );
    await refuses(localhost("missing.json"), /FAILED_PRECONDITION.*missing\.json.*ENOENT/s);
    await refuses(localhost("broken.json"), /FAILED_PRECONDITION.*broken\.json.*JSON/s);
    await refuses(localhost("/dev/zero"), /FAILED_PRECONDITION.*not a regular file/s);
    await refuses(localhost("team/../../etc/passwd"), /INVALID_ARGUMENT/);
    await refuses(localhost(""), /INVALID_ARGUMENT.*localhost_ref/);
    await refuses({ ...runtimeDefault, localhostRef: "team/no-directories.json" }, /INVALID_ARGUMENT/);
  });

  it("of seccomp is the configuration's if a container requests none or RuntimeDefault, or is privileged", async () => {
    assert.equal(await outcome({}), filtered);
    assert.equal(await outcome({ seccomp: runtimeDefault }), filtered);
    assert.equal(await outcome({ seccomp: unconfined }), open);
    assert.equal(await outcome({ privileged: true, seccomp: unconfined }), filtered);
  });

  it("of AppArmor that is not available prevents the container, unlike Unconfined", async () => {
    for (const apparmor of [runtimeDefault, localhost("mine")]) {
      const config = shellConfig("none", image, "", { linux: { securityContext: { apparmor } } });
      await assert.rejects(
        pod.create(config),
        /FAILED_PRECONDITION.*AppArmor.*(disable_apparmor|does not have AppArmor)/,
      );
    }
    assert.equal(await outcome({ apparmor: unconfined, seccomp: unconfined }), open);
  });
});
