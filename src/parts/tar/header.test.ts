import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { extract, type Header } from "tar-stream";
import { type TarEntry, tarHeader } from "./index.ts";

const entry: TarEntry = {
  name: "file",
  type: "file",
  mode: 0o4755,
  uid: 0,
  gid: 0,
  mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
  sizeBytes: 0,
  target: "",
  major: 0,
  minor: 0,
  xattrs: new Map(),
};

/** The header as another reader of tar archives understands it. */
async function read(header: Buffer): Promise<Header> {
  const archive = extract();
  const read = once(archive, "entry");
  archive.write(header);
  const [found] = await read;
  archive.destroy();
  return found;
}

for (const format of ["pax", "gnu"] as const) {
  const header = (changes: Partial<TarEntry>) => read(tarHeader({ ...entry, ...changes }, format));

  test(`${format}: a header says what the entry is`, async () => {
    const { name, type, mode, mtime, size, uid, gid } = await header({ uid: 7, gid: 8 });
    assert.deepEqual([name, type, mode, size, uid, gid], ["file", "file", 0o4755, 0, 7, 8]);
    assert.equal(mtime?.getTime(), 1_700_000_000_000);
  });

  test(`${format}: a file may have more bytes than octal digits can say`, async () => {
    const sizeBytes = 9 * 2 ** 30;
    assert.equal((await header({ sizeBytes })).size, sizeBytes);
  });

  for (const length of [99, 100, 101, 1000]) {
    test(`${format}: a name and a link's target of ${length} bytes fit`, async () => {
      const [long, target] = [`${"ü".repeat(length / 2)}${"n".repeat(length % 2)}`, "t".repeat(length)];
      const name = Buffer.from(long).toString("latin1");
      const found = await header({ name, type: "symlink", target });
      assert.deepEqual([found.name, found.type, found.linkname], [long, "symlink", target]);
    });
  }

  test(`${format}: a directory's name has a slash at its end, and a device its numbers`, async () => {
    assert.equal(tarHeader({ ...entry, type: "directory" }, format).toString("latin1", 0, 6), "file/\0");
    const { type, devmajor, devminor } = await header({ type: "block", major: 8, minor: 17 });
    assert.deepEqual([type, devmajor, devminor], ["block-device", 8, 17]);
  });
}

test("a time before 1970 is 1970 in GNU's format", async () => {
  const mtime = { seconds: -1, nanoseconds: 0 };
  assert.equal((await read(tarHeader({ ...entry, mtime }, "gnu"))).mtime?.getTime(), 0);
});
