import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { lstat, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import {
  closeFile,
  getXattrAt,
  mount,
  mountFlags,
  openDirectory,
  unmount,
} from "../../../ground/linux/index.ts";
import { SELinuxOption } from "../../../ground/protocol/index.ts";
import { deadFileSystem } from "../../../testing/dead-file-system.ts";
import { tempDir } from "../../../testing/temp-dir.ts";
import { formatLabel, parseLabel } from "./label.ts";
import { newLevel } from "./levels.ts";
import { SeLinux } from "./se-linux.ts";

const run = promisify(execFile);

const contexts = `process = "system_u:system_r:container_t:s0"
content = "system_u:object_r:virt_var_lib_t:s0"
# a comment
file = "system_u:object_r:container_file_t:s0"
ro_file="system_u:object_r:container_ro_file_t:s0"
`;

/** An /etc/selinux with one policy. */
async function policy(config = "SELINUX=permissive\nSELINUXTYPE=targeted\n", lxc: string = contexts) {
  const directory = await tempDir();
  await mkdir(join(directory.path, "targeted", "contexts"), { recursive: true });
  await writeFile(join(directory.path, "config"), config);
  await writeFile(join(directory.path, "targeted", "contexts", "lxc_contexts"), lxc);
  return directory;
}

test("a label has a user, a role, a type, and a level with whatever is in it", () => {
  for (const text of ["u:r:t", "u:r:t:s0", "u:r:t:s0:c1,c2", "u:r:t:s0-s0:c0.c1023"]) {
    const label = parseLabel(text);
    assert.ok(label !== undefined);
    assert.equal(formatLabel(label), text);
  }
  for (const text of ["", "u", "u:r", "u::t", ":r:t"]) assert.equal(parseLabel(text), undefined);
});

describe("the labels of a container", () => {
  test("are the policy's, with the pod's level on both", async () => {
    await using directory = await policy();
    const seLinux = await SeLinux.open({ categoryRange: 1024, directory: directory.path });
    assert.deepEqual(seLinux.labels(undefined, "s0:c1,c2"), {
      process: "system_u:system_r:container_t:s0:c1,c2",
      mount: "system_u:object_r:container_file_t:s0:c1,c2",
    });
  });

  test("have the parts that the options name; the files' role and type stay the policy's", async () => {
    await using directory = await policy();
    const seLinux = await SeLinux.open({ categoryRange: 1024, directory: directory.path });
    const options = { user: "user_u", role: "staff_r", type: "svirt_t", level: "s0:c7,c9" };
    assert.deepEqual(seLinux.labels(SELinuxOption.fromPartial(options), "s0:c1,c2"), {
      process: "user_u:staff_r:svirt_t:s0:c7,c9",
      mount: "user_u:object_r:container_file_t:s0:c7,c9",
    });
    const type = SELinuxOption.fromPartial({ type: "spc_t" });
    assert.equal(seLinux.labels(type, "s0:c1,c2").process, "system_u:system_r:spc_t:s0:c1,c2");
  });

  test("cannot be had of a policy that knows no containers", async () => {
    for (const [config, lxc] of [
      ["SELINUXTYPE=other\n", contexts],
      ["SELINUXTYPE=../targeted\n", contexts],
      ["", contexts],
      ["SELINUXTYPE=targeted\n", "process = none\n"],
    ]) {
      await using directory = await policy(config, lxc);
      await assert.rejects(SeLinux.open({ categoryRange: 1024, directory: directory.path }), {
        code: "FailedPrecondition",
        message: /lxc_contexts.*container-selinux/,
      });
    }
  });
});

describe("the level of a pod", () => {
  test("has two categories in the kernel's order, and is no other pod's until all are in use", () => {
    const inUse = new Set<string>();
    for (let count = 0; count < 10; count++) {
      const level = newLevel(inUse, 5);
      const [, low, high] = /^s0:c(\d+),c(\d+)$/.exec(level) ?? [];
      assert.ok(Number(low) < Number(high) && Number(high) < 5, level);
      assert.ok(!inUse.has(level), level);
      inUse.add(level);
    }
    assert.throws(() => newLevel(inUse, 5), {
      code: "ResourceExhausted",
      message: /security\.selinux_category_range/,
    });
  });
});

describe("relabelling", () => {
  /** As a daemon has it, for a policy that is made up. */
  const open = async () => {
    const stack = new AsyncDisposableStack();
    const { path } = stack.use(await policy());
    const seLinux = stack.use(await SeLinux.open({ categoryRange: 1024, directory: path }));
    return { seLinux, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  };
  const label = "system_u:object_r:container_file_t:s0:c1,c2";
  const labelOf = (directory: string, name: string) => {
    const fd = openDirectory(directory);
    try {
      return Buffer.from(getXattrAt(fd, name, "security.selinux")).toString();
    } finally {
      closeFile(fd);
    }
  };

  test("gives the label to all in a directory, to links themselves, and to nothing that they lead to", async () => {
    await using directory = await tempDir();
    await using opened = await open();
    const volume = join(directory.path, "volume");
    await mkdir(join(volume, "below"), { recursive: true });
    await mkdir(join(directory.path, "outside"));
    await writeFile(join(volume, "below", "file"), "");
    await writeFile(join(directory.path, "outside", "file"), "");
    await symlink("../outside", join(volume, "out"));
    await opened.seLinux.relabel("pod", volume, label);
    assert.equal(labelOf(directory.path, "volume"), `${label}\0`);
    assert.equal(labelOf(join(volume, "below"), "file"), `${label}\0`);
    assert.equal(labelOf(volume, "out"), `${label}\0`);
    assert.ok((await lstat(join(volume, "out"))).isSymbolicLink());
    for (const [parent, name] of [
      [directory.path, "outside"],
      [join(directory.path, "outside"), "file"],
    ] as const)
      assert.throws(() => labelOf(parent, name), { errno: "ENODATA" });
  });

  test("goes into what is mounted in a directory", async () => {
    await using directory = await tempDir();
    await using opened = await open();
    const [elsewhere, volume] = [join(directory.path, "elsewhere"), join(directory.path, "volume")];
    const place = join(volume, "below", "mounted");
    await mkdir(join(elsewhere, "in"), { recursive: true });
    await mkdir(place, { recursive: true });
    await writeFile(join(volume, "last"), "");
    await mount({ source: elsewhere, target: place, type: "", flags: mountFlags.bind });
    try {
      await opened.seLinux.relabel("pod", volume, label);
    } finally {
      await unmount(place, { detach: true });
    }
    assert.equal(labelOf(elsewhere, "in"), `${label}\0`);
    assert.equal(labelOf(volume, "last"), `${label}\0`);
  });

  test("takes no more descriptors for a tree that is deeper than there are", async () => {
    await using directory = await tempDir();
    const volume = join(directory.path, "volume");
    const depth = 200;
    await mkdir(join(volume, "d/".repeat(depth)), { recursive: true });
    const module = new URL("./label-tree.ts", import.meta.url).href;
    const script = `(await import(${JSON.stringify(module)})).labelTree(${JSON.stringify(volume)}, "${label}")`;
    await run("sh", ["-c", 'ulimit -n 100; exec "$0" -e "$1"', process.execPath, script]);
    assert.equal(labelOf(join(volume, "d/".repeat(depth - 1)), "d"), `${label}\0`);
  });

  test("of one file is of that file alone, and of what is missing an error that names it", async () => {
    await using directory = await tempDir();
    await using opened = await open();
    await writeFile(join(directory.path, "file"), "");
    await writeFile(join(directory.path, "other"), "");
    await opened.seLinux.relabel("pod", join(directory.path, "file"), label);
    assert.equal(labelOf(directory.path, "file"), `${label}\0`);
    assert.throws(() => labelOf(directory.path, "other"), { errno: "ENODATA" });
    await assert.rejects(opened.seLinux.relabel("pod", join(directory.path, "none"), label), /none.*ENOENT/);
  });

  test("of a volume that does not answer holds up its own pod alone", async () => {
    await using directory = await tempDir();
    await using opened = await open();
    const [volume, place] = [join(directory.path, "volume"), join(directory.path, "dead")];
    await mkdir(volume);
    await mkdir(place);
    let over: Promise<void> | undefined;
    {
      await using _dead = await deadFileSystem(place);
      over = assert.rejects(opened.seLinux.relabel("one", join(place, "volume"), label));
      await opened.seLinux.relabel("two", volume, label);
    }
    await over;
    assert.equal(labelOf(directory.path, "volume"), `${label}\0`);
  });

  test("of what the whole machine uses is refused", async () => {
    await using opened = await open();
    for (const path of ["/", "/usr", "/etc", "/var/lib"])
      await assert.rejects(opened.seLinux.relabel("pod", path, label), { code: "InvalidArgument" });
  });
});
