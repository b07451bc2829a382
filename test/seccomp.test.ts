import assert from "node:assert/strict";
import { constants } from "node:os";
import { before, describe, it } from "node:test";
import { SecurityProfile_ProfileType as ProfileType } from "../src/ground/protocol/index.ts";
import { pushImage } from "../src/testing/registry.ts";
import { busyboxImage } from "./support/busybox.ts";
import { allowed, call, refused } from "./support/harmless-calls.ts";
import { perlLayer } from "./support/perl.ts";
import { execSync, TestPod } from "./support/pod.ts";
import { callsIn, has32BitCalls, interruptProgram, type SystemCall } from "./support/system-calls.ts";
import { withBerth } from "./support/with-berth.ts";

const { EPERM, ENOSYS } = constants.errno;

/** Numbers of 32-bit x86. With zeros as arguments, they do nothing. */
const refused32 = {
  mount: 21,
  umount2: 52,
  init_module: 128,
  pivot_root: 217,
  kexec_load: 283,
  add_key: 286,
  keyctl: 288,
  setns: 346,
  bpf: 357,
  userfaultfd: 374,
  io_uring_setup: 425,
  mount_setattr: 442,
};
const allowed32 = { close: 6, getpid: 20, statx: 383 };

/** Our calls that have their own numbers in x32, because their arguments differ there. */
const x32Numbers: Readonly<Record<string, number>> = {
  ptrace: 521,
  kexec_load: 528,
  set_robust_list: 530,
  move_pages: 533,
  process_vm_readv: 539,
  process_vm_writev: 540,
  io_setup: 543,
};

/** The same calls in x32 (asm/unistd_x32.h): with a bit set in their numbers. */
function x32(calls: readonly SystemCall[]): readonly SystemCall[] {
  return calls.map(({ name, number, args }) =>
    call(`x32-${name}`, 0x4000_0000 + (x32Numbers[name] ?? number), ...args),
  );
}

const runtimeDefault = { seccomp: { profileType: ProfileType.RuntimeDefault, localhostRef: "" } };
const unconfined = { seccomp: { profileType: ProfileType.Unconfined, localhostRef: "" } };
const everything = { capabilities: { addCapabilities: ["ALL"] } };

const refusedIn = (errnos: ReadonlyMap<string, number>) =>
  [...errnos].flatMap(([name, errno]) => (errno === EPERM ? [name] : []));

describe("the RuntimeDefault seccomp profile", () => {
  const host = withBerth();
  let image = "";
  let pod: TestPod;
  before(async () => {
    const programs = ([32, 64] as const).flatMap((bits) =>
      Object.entries({ ...refused32, ...allowed32 }).map(([name, number]) => ({
        name: `bin/${name}-${bits}`,
        mode: 0o755,
        content: interruptProgram(number, bits),
      })),
    );
    const layers = [await perlLayer(), programs];
    await pushImage(host.registry, "perl", "latest", await busyboxImage({ layers }));
    image = `${host.registry.host}/perl:latest`;
    await host.berth.pull(image);
    pod = await TestPod.run(host.berth, "seccomp");
  });

  it("is a filter for the container's process and its commands, and Unconfined is no filter", async () => {
    const show = "grep ^Seccomp: /proc/self/status";
    assert.match(
      await pod.output("filtered", image, show, { linux: { securityContext: runtimeDefault } }),
      /\t2\n/,
    );
    const id = await pod.shell("shell", image, "exec sleep 1000", {
      linux: { securityContext: runtimeDefault },
    });
    assert.match(await execSync(host.berth, id, "grep", "^Seccomp:", "/proc/self/status"), /\t2\n/);
    assert.match(await pod.output("open", image, show, { linux: { securityContext: unconfined } }), /\t0\n/);
  });

  const every = refused.flatMap(({ calls }) => calls);
  it("is the only thing that rejects the calls of the tests below", async () => {
    const security = { ...unconfined, ...everything };
    const errnos = await callsIn(host.berth, pod, "control", image, every, security);
    assert.equal(errnos.size, every.length);
    assert.deepEqual(refusedIn(errnos), []);
  });

  refused.forEach(({ what, openedBy, dropped, calls }, index) => {
    const names = calls.map(({ name }) => name);
    it(`rejects ${what}`, async () => {
      const drop = { capabilities: { dropCapabilities: dropped === undefined ? [] : [dropped] } };
      const security = { ...runtimeDefault, ...drop };
      const errnos = await callsIn(host.berth, pod, `refused-${index}`, image, calls, security);
      assert.deepEqual(refusedIn(errnos), names);
    });
    if (openedBy === undefined) {
      it(`rejects ${what} from a container with all capabilities, too`, async () => {
        const security = { ...runtimeDefault, ...everything };
        const errnos = await callsIn(host.berth, pod, `never-${index}`, image, calls, security);
        assert.deepEqual(refusedIn(errnos), names);
      });
    } else {
      it(`allows ${what} with CAP_${openedBy}`, async () => {
        const security = { ...runtimeDefault, capabilities: { addCapabilities: [openedBy] } };
        const errnos = await callsIn(host.berth, pod, `opened-${index}`, image, calls, security);
        assert.equal(errnos.size, calls.length);
        assert.deepEqual(refusedIn(errnos), []);
      });
    }
  });

  it("reports clone3, whose flags no filter sees, as not existing, so that libraries use clone", async () => {
    const calls = [call("clone3", 435, 0, 0)];
    const errnos = await callsIn(host.berth, pod, "clone3", image, calls, runtimeDefault);
    assert.deepEqual([...errnos], [["clone3", ENOSYS]]);
    const admin = { ...runtimeDefault, capabilities: { addCapabilities: ["SYS_ADMIN"] } };
    const opened = await callsIn(host.berth, pod, "clone3-admin", image, calls, admin);
    assert.deepEqual([...opened], [["clone3", constants.errno.EINVAL]]);
  });

  for (const bits of [32, 64] as const) {
    it(`applies to the calls of 32-bit x86, made by a program of ${bits} bits`, async (t) => {
      if (!(await has32BitCalls(bits))) return t.skip("this machine's kernel has no calls of 32-bit x86");
      const names = Object.keys({ ...refused32, ...allowed32 });
      const script = names.map((name) => `/bin/${name}-${bits}; echo ${name} $?`).join("\n");
      const failing = async (name: string, securityContext: object) => {
        const text = await pod.output(name, image, script, { linux: { securityContext } });
        const lines = text.trim().split("\n");
        assert.equal(lines.length, names.length);
        return lines.flatMap((line) => line.match(`^(\\S+) ${EPERM}$`)?.[1] ?? []);
      };
      assert.deepEqual(await failing(`filtered-${bits}`, runtimeDefault), Object.keys(refused32));
      assert.deepEqual(await failing(`open-${bits}`, { ...unconfined, ...everything }), []);
    });
  }

  it("applies to the calls of the x32 ABI, whether or not the kernel supports it", async () => {
    const refusedCalls = x32(refused.flatMap(({ calls }) => calls));
    const calls = [...refusedCalls, ...x32(allowed.flatMap((each) => each.calls))];
    const filtered = { ...runtimeDefault, capabilities: { dropCapabilities: ["SYS_CHROOT"] } };
    const errnos = await callsIn(host.berth, pod, "x32", image, calls, filtered);
    assert.equal(errnos.size, calls.length);
    assert.deepEqual(
      refusedIn(errnos),
      refusedCalls.map(({ name }) => name),
    );
    const open = await callsIn(host.berth, pod, "x32-open", image, calls, { ...unconfined, ...everything });
    assert.deepEqual(refusedIn(open), []);
  });

  allowed.forEach(({ what, calls }, index) => {
    it(`allows ${what} to a container`, async () => {
      const errnos = await callsIn(host.berth, pod, `allowed-${index}`, image, calls, runtimeDefault);
      assert.equal(errnos.size, calls.length);
      assert.deepEqual(refusedIn(errnos), []);
    });
  });
});
