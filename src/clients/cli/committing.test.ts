import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { container, id, imageId } from "../../doors/cri/testing/samples.ts";
import { serveCli } from "./testing/cli.ts";

const made = `sha256:${"5".repeat(64)}`;

async function withContainer() {
  const endpoint = await serveCli();
  const web = container({ id: id("aa") });
  endpoint.engine.containerTable.set(web.id, web);
  return { ...endpoint, web };
}

test("commit creates an image of a container with the given options, and prints its id", async () => {
  await using endpoint = await withContainer();
  const { web, files } = endpoint;
  const options = ["-a", "Ada", "-m", "why", "-c", "ENV A=1", "--change", "USER 7"];
  const { status, stdout, stderr } = await endpoint.run(["commit", ...options, web.id, "team/app:2"]);
  assert.deepEqual([status, stdout, stderr], [0, `${made}\n`, ""]);
  await endpoint.run(["commit", "--no-pause", web.id]);
  const snapshot = { snapshotKey: web.id, imageId, mountPoints: [] };
  assert.deepEqual(files.asked, [
    { ...snapshot, name: "team/app:2", changes: ["ENV A=1", "USER 7"], author: "Ada", comment: "why" },
    { ...snapshot, name: undefined, changes: [], author: "", comment: "" },
  ]);
});

test("export writes a complete file or none, or to stdout", async () => {
  await using endpoint = await withContainer();
  const { web, files, dir } = endpoint;
  files.exported = [Buffer.from("one"), Buffer.from("two")];
  assert.equal((await endpoint.run(["export", web.id])).stdout, "onetwo");
  const file = join(dir, "web.tar");
  assert.equal((await endpoint.run(["export", "-o", file, web.id])).status, 0);
  assert.equal(await readFile(file, "utf8"), "onetwo");
  const { status } = await endpoint.run(["export", "-o", join(dir, "none.tar"), "none"]);
  assert.equal(status, 3);
  assert.ok(!(await readdir(dir)).includes("none.tar"));
});

test("import sends an archive and prints the id of its image", async () => {
  await using endpoint = await serveCli();
  const { status, stdout } = await endpoint.run(["import", "-m", "why", "-", "team/base"], { stdin: "tar" });
  assert.deepEqual([status, stdout], [0, `${made}\n`]);
  const [asked] = endpoint.files.asked;
  assert.ok(asked !== undefined && "archive" in asked);
  const { archive, ...rest } = asked;
  assert.deepEqual(rest, { name: "team/base", changes: [], author: "", comment: "why" });
  assert.deepEqual(await readdir(join(archive, "../..")), []);
  const missing = await endpoint.run(["import", "/nonexistent/x.tar"]);
  assert.deepEqual([missing.status, missing.stderr], [3, "berth: /nonexistent/x.tar not found\n"]);
  assert.match(
    (await endpoint.run(["import", "/tmp"])).stderr,
    /^berth: \/tmp is a directory, not an archive/,
  );
});

test("image diff lists paths as podman does, without control characters", async () => {
  await using endpoint = await serveCli();
  endpoint.files.changes = [
    { kind: "deleted", path: Buffer.from("/gone") },
    { kind: "changed", path: Buffer.from("/etc") },
    { kind: "added", path: Buffer.from("/etc/\x1b[2Jé") },
  ];
  const { stdout } = await endpoint.run(["image", "diff", "a", "b"]);
  assert.equal(stdout, "D /gone\nC /etc\nA /etc/\\u001b[2Jé\n");
  const json = await endpoint.run(["image", "diff", "-o", "json", "a"]);
  assert.deepEqual(JSON.parse(json.stdout), {
    added: ["/etc/\\u001b[2Jé"],
    changed: ["/etc"],
    deleted: ["/gone"],
  });
  assert.deepEqual(endpoint.files.asked, [
    { image: "a", base: "b" },
    { image: "a", base: undefined },
  ]);
});

test("image mount mounts, lists and unmounts", async () => {
  await using endpoint = await serveCli();
  assert.equal((await endpoint.run(["image", "mount", "-w", "busybox", "/mnt/x"])).stdout, "/mnt/x\n");
  assert.match(
    (await endpoint.run(["image", "mount"])).stdout,
    /DIRECTORY +IMAGE ID +WRITABLE\n\/mnt\/x +5{12} +yes/,
  );
  assert.equal((await endpoint.run(["image", "umount", "/mnt/x"])).stdout, "/mnt/x\n");
  assert.deepEqual(endpoint.files.mounted, []);
  assert.equal((await endpoint.run(["image", "mount", "busybox"])).stdout, "/run/made\n");
  assert.equal((await endpoint.run(["image", "umount", made])).stdout, `${made}\n`);
  assert.deepEqual(endpoint.files.mounted, []);
  const { status, stderr } = await endpoint.run(["image", "umount", "busybox"]);
  assert.equal(status, 3);
  assert.match(stderr, /no image is mounted on .*\/busybox, and no image named "busybox" is mounted/);
});

test("these commands report with another runtime that they need berthd", async () => {
  await using endpoint = await serveCli({ plainCri: true });
  for (const argv of [
    ["import", "-"],
    ["image", "diff", "a"],
    ["image", "mount", "a", "/mnt"],
    ["image", "umount", "/mnt"],
  ])
    assert.match((await endpoint.run(argv, { stdin: "" })).stderr, /needs berthd/);
});
