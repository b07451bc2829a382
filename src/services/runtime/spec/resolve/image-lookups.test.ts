import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../../../testing/temp-dir.ts";
import { ImageLookups } from "./image-lookups.ts";

const passwd = "root:x:0:0::/root:/bin/sh\n";

async function rootfsWith(text: string) {
  const directory = await tempDir();
  await mkdir(join(directory.path, "etc"));
  await writeFile(join(directory.path, "etc/passwd"), text);
  return directory;
}

describe("the users of an image", () => {
  test("are read once, for all of its containers", async () => {
    await using rootfs = await rootfsWith(passwd);
    const lookups = new ImageLookups();
    assert.deepEqual(await lookups.users("one", rootfs.path), { passwd, group: "" });
    await rm(join(rootfs.path, "etc/passwd"));
    assert.deepEqual(await lookups.users("one", rootfs.path), { passwd, group: "" });
    assert.deepEqual(await lookups.users("two", rootfs.path), { passwd: "", group: "" });
  });

  test("are read again after those of many other images, or if there are many users", async () => {
    await using rootfs = await rootfsWith(passwd);
    await using large = await rootfsWith(passwd.repeat(10_000));
    const lookups = new ImageLookups();
    await lookups.users("first", rootfs.path);
    await lookups.users("kept", rootfs.path);
    await lookups.users("large", large.path);
    for (let other = 0; other < 98; other++) await lookups.users(`other-${other}`, rootfs.path);
    await lookups.users("kept", rootfs.path);
    await lookups.users("last", rootfs.path);
    for (const { path } of [rootfs, large]) await rm(join(path, "etc/passwd"));
    assert.equal((await lookups.users("first", rootfs.path)).passwd, "");
    assert.equal((await lookups.users("large", large.path)).passwd, "");
    assert.equal((await lookups.users("kept", rootfs.path)).passwd, passwd);
  });

  test("are rejected each time if the image lacks directories for the kernel's file systems", async () => {
    await using rootfs = await rootfsWith(passwd);
    await writeFile(join(rootfs.path, "proc"), "");
    const lookups = new ImageLookups();
    const refused = { code: "FailedPrecondition", message: /\/proc is not a directory/ };
    await assert.rejects(lookups.users("one", rootfs.path), refused);
    await assert.rejects(lookups.users("one", rootfs.path), refused);
  });
});
