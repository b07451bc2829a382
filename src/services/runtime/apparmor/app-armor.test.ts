import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  LinuxContainerSecurityContext,
  SecurityProfile_ProfileType as ProfileType,
} from "../../../ground/protocol/index.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { resolveAppArmor } from "../spec/resolve/app-armor.ts";
import { profileChoice } from "../spec/security-profile.ts";
import { AppArmor } from "./app-armor.ts";
import { defaultProfile } from "./default-profile.ts";

const name = "berth-default";
const settings = { disableApparmor: false, apparmorProfile: name };

/**
 * What the kernel and apparmor_parser look like to berth: the test machine's kernel need not have AppArmor.
 */
async function host(loaded: readonly string[], parser: string | undefined) {
  const directory = await tempDir();
  const securityfs = join(directory.path, "apparmor");
  const program = join(directory.path, "apparmor_parser");
  await mkdir(securityfs);
  await writeFile(join(securityfs, "profiles"), loaded.map((each) => `${each} (enforce)\n`).join(""));
  if (parser !== undefined) {
    await writeFile(program, `#!/bin/sh\ncd ${directory.path}\n${parser}\n`);
    await chmod(program, 0o755);
  }
  const appArmor = new AppArmor({ directory: securityfs, parsers: [program] });
  return { ...directory, appArmor };
}

const loads = `echo load >> loads; cat > text; echo "${name} (enforce)" >> apparmor/profiles`;

function resolve(
  appArmor: AppArmor,
  security: Parameters<typeof LinuxContainerSecurityContext.fromPartial>[0],
  change: Partial<typeof settings> = {},
  hasAppArmor = true,
) {
  const { privileged, apparmor, apparmorProfile } = LinuxContainerSecurityContext.fromPartial(security);
  const choice = profileChoice("AppArmor", apparmor, apparmorProfile);
  return resolveAppArmor(
    { choice, privileged },
    { appArmor: hasAppArmor },
    { ...settings, ...change },
    appArmor,
  );
}

const runtimeDefault = { apparmor: { profileType: ProfileType.RuntimeDefault } };
const localhost = (localhostRef: string) => ({
  apparmor: { profileType: ProfileType.Localhost, localhostRef },
});

test("the default profile is one that apparmor_parser compiles, whatever the daemon's own is called", () => {
  for (const daemon of ["unconfined", "/usr/sbin/berthd"]) {
    const args = ["--skip-kernel-load", "--skip-cache", "--stdout"];
    const parser = spawnSync("/usr/sbin/apparmor_parser", args, { input: defaultProfile(name, daemon) });
    assert.equal(parser.status, 0, parser.stderr.toString());
    assert.ok(parser.stdout.includes(name));
  }
});

describe("RuntimeDefault", () => {
  test("is berth's profile, loaded with apparmor_parser once", async () => {
    await using machine = await host(["docker-default"], loads);
    const both = [resolve(machine.appArmor, runtimeDefault), resolve(machine.appArmor, {})];
    assert.deepEqual(await Promise.all(both), [name, name]);
    assert.equal(await resolve(machine.appArmor, runtimeDefault), name);
    assert.equal(await readFile(join(machine.path, "loads"), "utf8"), "load\n");
    assert.match(await readFile(join(machine.path, "text"), "utf8"), /^profile berth-default /m);
  });

  test("is a loaded profile of that name, or of the configured one, as it is", async () => {
    await using machine = await host([name, "own profile"], "exit 1");
    assert.equal(await resolve(machine.appArmor, runtimeDefault), name);
    const own = { apparmorProfile: "own profile" };
    assert.equal(await resolve(machine.appArmor, runtimeDefault, own), "own profile");
  });

  test("that cannot be loaded is an error where it was asked for, with what the parser says", async () => {
    await using failing = await host([], "echo no permission >&2; exit 1");
    await assert.rejects(resolve(failing.appArmor, runtimeDefault), {
      code: "FailedPrecondition",
      message: /berth-default.*no permission/,
    });
    await using bare = await host([], undefined);
    await assert.rejects(resolve(bare.appArmor, runtimeDefault), {
      code: "FailedPrecondition",
      message: /install AppArmor's tools/,
    });
    assert.equal(await resolve(bare.appArmor, {}), undefined);
  });

  test("is none for a privileged container, which may still name one", async () => {
    await using machine = await host(["mine"], loads);
    assert.equal(await resolve(machine.appArmor, { ...runtimeDefault, privileged: true }), undefined);
    assert.equal(await resolve(machine.appArmor, { ...localhost("mine"), privileged: true }), "mine");
  });
});

test("a Localhost profile is one that is loaded, and an error where it is not", async () => {
  await using machine = await host(["mine", "mine too"], loads);
  assert.equal(await resolve(machine.appArmor, localhost("mine too")), "mine too");
  assert.equal(await resolve(machine.appArmor, { apparmorProfile: "localhost/mine" }), "mine");
  for (const other of ["min", "mine (enforce)", "other"]) {
    await assert.rejects(resolve(machine.appArmor, localhost(other)), {
      code: "FailedPrecondition",
      message: /is not loaded on this host/,
    });
  }
});

test("Unconfined is none", async () => {
  await using machine = await host([name], loads);
  const unconfined = { apparmor: { profileType: ProfileType.Unconfined } };
  assert.equal(await resolve(machine.appArmor, unconfined), undefined);
});

test("without AppArmor, or with it disabled, a profile is an error, and no profile is fine", async () => {
  await using machine = await host([name], loads);
  for (const [change, has, reason] of [
    [{}, false, /does not have AppArmor/],
    [{ disableApparmor: true }, true, /disable_apparmor/],
  ] as const) {
    for (const asked of [runtimeDefault, localhost(name)])
      await assert.rejects(resolve(machine.appArmor, asked, change, has), {
        code: "FailedPrecondition",
        message: reason,
      });
    assert.equal(await resolve(machine.appArmor, {}, change, has), undefined);
  }
});
