import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { DockerError } from "../../parts/dockerapi/index.ts";
import { type TarEntry, tarEnd, tarHeader, tarPadding } from "../../parts/tar/index.ts";
import { ImageUsers } from "./image-users.ts";

type File = { readonly text: string } | { readonly link: string } | { readonly directory: true };

/** What an engine answers of an image with these files, and how many containers it has made and has left. */
function engineOf(files: Readonly<Record<string, File>>) {
  const made = { count: 0, left: new Set<string>() };
  const client = {
    createContainer: async (name: string) => {
      made.count++;
      made.left.add(name);
      return name;
    },
    removeContainer: async (name: string) => {
      made.left.delete(name);
    },
    containerFile: async (_: string, path: string) => {
      const file = files[path];
      if (file === undefined) throw new DockerError("NotFound", `no ${path}`);
      return Readable.from([archiveOf(path, file)]);
    },
  };
  return { users: new ImageUsers(client), made };
}

function archiveOf(path: string, file: File): Buffer {
  const content = Buffer.from("text" in file ? file.text : "");
  const entry: TarEntry = {
    name: path.split("/").at(-1) ?? "",
    target: "link" in file ? file.link : "",
    type: "link" in file ? "symlink" : "directory" in file ? "directory" : "file",
    sizeBytes: content.length,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
  return Buffer.concat([tarHeader(entry), content, tarPadding(content.length), tarEnd]);
}

test("an image's users are read once, even with several callers at once, and no container is left", async () => {
  const { users, made } = engineOf({
    "/etc/passwd": { text: "app:x:1000:1001::/:/bin/sh\n" },
    "/etc/group": { text: "extra:x:2000:app\n" },
  });
  const expected = { passwd: "app:x:1000:1001::/:/bin/sh\n", group: "extra:x:2000:app\n" };
  for (const found of await Promise.all([users.of("image"), users.of("image")]))
    assert.deepEqual(found, expected);
  assert.deepEqual(await users.of("image"), expected);
  assert.deepEqual([made.count, made.left.size], [1, 0]);
});

test("links are followed inside the image, and an image without these files has no users", async () => {
  const { users } = engineOf({
    "/etc/passwd": { link: "../usr/share/users" },
    "/usr/share/users": { link: "/real" },
    "/real": { text: "root:x:0:0" },
  });
  assert.deepEqual(await users.of("image"), { passwd: "root:x:0:0", group: "" });
});

test("a path that is not a regular file is refused, and no container is left", async () => {
  const cases: readonly (readonly [File, RegExp])[] = [
    [{ link: "passwd" }, /too many symbolic links in \/etc\/passwd/],
    [{ directory: true }, /\/etc\/passwd is not a regular file/],
  ];
  for (const [file, message] of cases) {
    const { users, made } = engineOf({ "/etc/passwd": file });
    await assert.rejects(users.of("image"), message);
    assert.equal(made.left.size, 0);
  }
});
