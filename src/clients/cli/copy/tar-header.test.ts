import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { extract, type Header } from "tar-stream";
import { type TarEntry, tarHeader } from "./tar-header.ts";

const entry: TarEntry = {
  name: "file",
  type: "file",
  mode: 0o4755,
  mtimeMs: 1_700_000_000_999,
  size: 0,
  linkTarget: "",
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

test("a header says what the entry is, and that it is root's", async () => {
  const { name, type, mode, mtime, size, uid, gid } = await read(tarHeader(entry));
  assert.deepEqual([name, type, mode, size, uid, gid], ["file", "file", 0o4755, 0, 0, 0]);
  assert.equal(mtime.getTime(), 1_700_000_000_000);
});

test("a file may have more bytes than octal digits can say", async () => {
  const size = 9 * 2 ** 30;
  assert.equal((await read(tarHeader({ ...entry, size }))).size, size);
});

for (const length of [99, 100, 101, 1000]) {
  test(`a name and a link's target of ${length} bytes fit`, async () => {
    const [long, target] = [`${"ü".repeat(length / 2)}${"n".repeat(length % 2)}`, "t".repeat(length)];
    const header = await read(tarHeader({ ...entry, name: long, type: "symlink", linkTarget: target }));
    assert.deepEqual([header.name, header.type, header.linkname], [long, "symlink", target]);
  });
}

test("a time before 1970 is 1970", async () => {
  assert.equal((await read(tarHeader({ ...entry, mtimeMs: -1 }))).mtime.getTime(), 0);
});
