import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  realpath,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { promisify } from "node:util";
import { type Header, pack } from "tar-stream";
import { ProcessEngine } from "../../doors/streaming/testing/process-engine.ts";
import { serveCli } from "./testing/cli.ts";
import { addContainer, addPod } from "./testing/objects.ts";

type Exec = Parameters<ProcessEngine["exec"]>;

/** A container that sees this machine's files, with its own idea of what a program is. */
class ImpostorEngine extends ProcessEngine {
  readonly #programs: Readonly<Record<string, readonly string[]>>;

  constructor(programs: Readonly<Record<string, readonly string[]>>) {
    super();
    this.#programs = programs;
  }

  override exec(...[request, io, signal]: Exec) {
    const [program = "", ...rest] = request.args;
    return super.exec({ ...request, args: [...(this.#programs[program] ?? [program]), ...rest] }, io, signal);
  }
}

/** A container that answers every request for files with this archive. */
class LyingEngine extends ProcessEngine {
  readonly #archive: Buffer;

  constructor(archive: Buffer) {
    super();
    this.#archive = archive;
  }

  override async exec(...[, io]: Exec) {
    await new Promise((resolve) => (io.stdout as Writable).write(this.#archive, resolve));
    return { exitCode: 0 };
  }
}

/**
 * An endpoint with a container `app`, a directory `inside` that stands for its files, and one `here` for
 * ours.
 */
async function serve(streams: ProcessEngine = new ProcessEngine()) {
  const endpoint = await serveCli({ streams });
  addPod(endpoint, "aa", "web");
  addContainer(endpoint, "c1", "app", "aa");
  const inside = join(endpoint.dir, "inside");
  const here = join(endpoint.dir, "here");
  await Promise.all([mkdir(inside), mkdir(here)]);
  return {
    ...endpoint,
    inside,
    here,
    cp: (source: string, destination: string, stdin = "") =>
      endpoint.run(["cp", source, destination], { stdin }),
  };
}

const quiet = { status: 0, stdout: "", stderr: "" };

/** Paths of all below a directory; symbolic links are not followed. */
async function namesBelow(path: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)("find", [path, "-mindepth", "1", "-printf", "%P\\0"]);
  return stdout.split("\0").slice(0, -1).sort();
}

/** All below a directory: what it is, with its permissions, time and content. */
async function treeOf(
  path: string,
  { directoryTimes = true } = {},
): Promise<Readonly<Record<string, string>>> {
  const described = (await namesBelow(path)).map(async (name) => [
    name,
    await describeFile(join(path, name), directoryTimes),
  ]);
  return Object.fromEntries(await Promise.all(described));
}

async function describeFile(path: string, directoryTimes: boolean): Promise<string> {
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) return `-> ${await readlink(path)}`;
  const mode = (stats.mode & 0o7777).toString(8);
  const seconds = Math.floor(stats.mtimeMs / 1000);
  if (stats.isDirectory()) return `directory ${mode} ${directoryTimes ? seconds : ""}`;
  return `${mode} ${seconds} ${await readFile(path, "latin1")}`;
}

const longName = "a-name-that-is-longer-than-a-header-has-room-for-".repeat(4);

async function makeTree(path: string): Promise<void> {
  await mkdir(join(path, "deep", "er", longName), { recursive: true });
  await mkdir(join(path, "empty"));
  await writeFile(join(path, "script"), "#!/bin/sh\n", { mode: 0o755 });
  await writeFile(join(path, "Grüße, Welt"), "x".repeat(1000), { mode: 0o640 });
  await writeFile(join(path, "deep", "er", longName, `${longName}.txt`), "long");
  await writeFile(join(path, "-rf"), "");
  await link(join(path, "script"), join(path, "deep", "same"));
  await symlink("er/x", join(path, "deep", "link"));
  await symlink("../script", join(path, "deep", "up"));
  await writeFile(join(path, "deep", "er", "kept"), "kept");
  await chmod(join(path, "deep", "er"), 0o555);
  for (const name of ["script", "empty", "deep/er/kept", "deep/er", "deep"])
    await utimes(join(path, name), 1e9, 1e9);
}

const busybox = { tar: ["busybox", "tar"], test: ["busybox", "test"] };

for (const [name, engine, directoryTimes] of [
  ["GNU tar", () => new ProcessEngine(), true],
  // It sets a directory's time before it writes into it.
  ["busybox's tar", () => new ImpostorEngine(busybox), false],
] as const) {
  test(`a tree is copied back unchanged with ${name}: names, links, modes and times`, async () => {
    await using endpoint = await serve(engine());
    const source = join(endpoint.here, "tree");
    await mkdir(source);
    await makeTree(source);
    assert.deepEqual(await endpoint.cp(source, `web:${endpoint.inside}`), quiet);
    const inside = join(endpoint.inside, "tree");
    assert.deepEqual(await treeOf(inside, { directoryTimes }), await treeOf(source, { directoryTimes }));
    assert.deepEqual(await endpoint.cp(`web:${inside}`, join(endpoint.here, "back")), quiet);
    assert.deepEqual(await treeOf(join(endpoint.here, "back")), await treeOf(inside));
  });
}

/**
 * What `cp` makes of a file `a/file` and a directory `a/dir` with `x` in it; `b/there/` and `b/old` are there
 * before.
 */
const placements: readonly [source: string, destination: string, made: readonly string[]][] = [
  ["file", "", ["file"]],
  ["file", "new", ["new"]],
  ["file", "old", ["old"]],
  ["file", "there", ["there/file"]],
  ["file", "there/", ["there/file"]],
  ["dir", "there", ["there/dir", "there/dir/x"]],
  ["dir/", "new", ["new", "new/x"]],
  ["dir/.", "there", ["there/x"]],
  ["dir/.", "new", ["new", "new/x"]],
];

for (const [source, destination, made] of placements) {
  for (const direction of ["to", "from"]) {
    test(`cp ${source} ${destination || "."} ${direction} a container creates ${made.join(", ")}`, async () => {
      await using endpoint = await serve();
      const [a, b] = direction === "to" ? [endpoint.here, endpoint.inside] : [endpoint.inside, endpoint.here];
      await writeFile(join(a, "file"), "content");
      await mkdir(join(a, "dir"));
      await writeFile(join(a, "dir", "x"), "content");
      await mkdir(join(b, "there"));
      await writeFile(join(b, "old"), "old");
      const [from, to] = [`${a}/${source}`, `${b}/${destination}`];
      const outcome = await (direction === "to"
        ? endpoint.cp(from, `web:${to}`)
        : endpoint.cp(`web:${from}`, to));
      assert.deepEqual(outcome, quiet);
      const expected = new Set(["there", "old", ...made]);
      assert.deepEqual(await namesBelow(b), [...expected].sort());
      assert.equal(await readFile(join(b, made.at(-1) ?? ""), "utf8"), "content");
    });
  }
}

test("a directory does not replace a file, on either side", async () => {
  await using endpoint = await serve();
  await mkdir(join(endpoint.here, "dir"));
  await mkdir(join(endpoint.inside, "dir"));
  await writeFile(join(endpoint.here, "file"), "kept");
  await writeFile(join(endpoint.inside, "file"), "kept");
  const from = await endpoint.cp(`web:${endpoint.inside}/dir`, join(endpoint.here, "file"));
  assert.equal(from.status, 1);
  assert.match(from.stderr, /"file" is not a directory here/);
  const to = await endpoint.cp(join(endpoint.here, "dir"), `web:${endpoint.inside}/file`);
  assert.equal(to.status, 1);
  assert.match(to.stderr, /is not a directory in container web/);
  assert.equal(await readFile(join(endpoint.here, "file"), "utf8"), "kept");
  assert.equal(await readFile(join(endpoint.inside, "file"), "utf8"), "kept");
});

test("the container may be that of an object of the manager", async () => {
  await using endpoint = await serve();
  endpoint.objects.add("Pod", "web", { spec: { containers: [{ name: "app" }] } });
  await writeFile(join(endpoint.inside, "file"), "text");
  assert.deepEqual(await endpoint.cp(`pod/web:${endpoint.inside}/file`, endpoint.here), quiet);
  assert.equal(await readFile(join(endpoint.here, "file"), "utf8"), "text");
});

test("a missing source is reported, on either side", async () => {
  await using endpoint = await serve();
  const inside = await endpoint.cp(`web:${endpoint.inside}/nothing`, endpoint.here);
  assert.equal(inside.status, 1);
  assert.match(inside.stderr, /^berth: tar in container web: .*nothing.*No such file/);
  const here = await endpoint.cp(join(endpoint.here, "nothing"), `web:${endpoint.inside}`);
  assert.deepEqual([here.status, here.stderr], [3, `berth: ${join(endpoint.here, "nothing")} not found\n`]);
  await writeFile(join(endpoint.here, "file"), "");
  const target = await endpoint.cp(join(endpoint.here, "file"), `web:${endpoint.inside}/no/such/place`);
  assert.match(target.stderr, /tar in container web: .*no\/such/);
});

test("a container without tar is reported", async () => {
  await using endpoint = await serve(new ImpostorEngine({ tar: ["/nowhere/tar"] }));
  await writeFile(join(endpoint.here, "file"), "");
  for (const outcome of [
    await endpoint.cp("web:/etc/passwd", endpoint.here),
    await endpoint.cp(join(endpoint.here, "file"), `web:${endpoint.inside}`),
  ]) {
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, /^berth: container web has no tar, which cp runs in it/);
  }
});

test("a container without tar whose runtime returns 127, as berthd does, is reported as well", async () => {
  const shell = ["sh", "-c", 'echo "sh: $0: not found" >&2; exit 127', "tar"];
  await using endpoint = await serve(new ImpostorEngine({ tar: shell }));
  assert.match((await endpoint.cp("web:/etc/passwd", endpoint.here)).stderr, /container web has no tar/);
});

test("a tar archive can be written to stdout and read from stdin", async () => {
  await using endpoint = await serve();
  await mkdir(join(endpoint.inside, "dir"));
  await writeFile(join(endpoint.inside, "dir", "file"), "content");
  const { status, stdout } = await endpoint.cp(`web:${endpoint.inside}/dir`, "-");
  assert.equal(status, 0);
  await writeFile(join(endpoint.here, "dir.tar"), stdout);
  const listed = await promisify(execFile)("tar", ["-tf", join(endpoint.here, "dir.tar")]);
  assert.equal(listed.stdout, "./dir/\n./dir/file\n");
  await mkdir(join(endpoint.inside, "copy"));
  assert.deepEqual(await endpoint.cp("-", `web:${endpoint.inside}/copy`, stdout), quiet);
  assert.equal(await readFile(join(endpoint.inside, "copy", "dir", "file"), "utf8"), "content");
});

test("anything other than files, directories and links is left out with a message, and everything else is copied", async () => {
  await using endpoint = await serve();
  for (const side of [endpoint.here, endpoint.inside]) {
    await mkdir(join(side, "dir"));
    await promisify(execFile)("mkfifo", [join(side, "dir", "pipe")]);
    await writeFile(join(side, "dir", "z"), "");
  }
  const to = await endpoint.cp(join(endpoint.here, "dir"), `web:${endpoint.inside}/copy`);
  assert.equal(to.status, 1);
  assert.match(to.stderr, /^berth: skipped ".*\/dir\/pipe": not a file/);
  const from = await endpoint.cp(`web:${endpoint.inside}/dir`, join(endpoint.here, "copy"));
  assert.equal(from.status, 1);
  assert.match(from.stderr, /^berth: skipped ".\/dir\/pipe": not a file/);
  assert.deepEqual(await readdir(join(endpoint.inside, "copy")), ["z"]);
  assert.deepEqual(await readdir(join(endpoint.here, "copy")), ["z"]);
});

test("a destination that is a device is refused and left alone", async () => {
  await using endpoint = await serve();
  await writeFile(join(endpoint.inside, "file"), "");
  const { status, stderr } = await endpoint.cp(`web:${endpoint.inside}/file`, "/dev/null");
  assert.equal(status, 1);
  assert.match(stderr, /\/dev\/null is not a regular file/);
  assert.equal((await lstat("/dev/null")).isCharacterDevice(), true);
});

test("a destination that is a link to a file is written through", async () => {
  await using endpoint = await serve();
  await writeFile(join(endpoint.inside, "file"), "new");
  await writeFile(join(endpoint.here, "real"), "old");
  await symlink("real", join(endpoint.here, "link"));
  assert.deepEqual(await endpoint.cp(`web:${endpoint.inside}/file`, join(endpoint.here, "link")), quiet);
  assert.equal(await readFile(join(endpoint.here, "real"), "utf8"), "new");
  assert.equal(await realpath(join(endpoint.here, "link")), join(await realpath(endpoint.here), "real"));
});

type Lie = Partial<Header> & { readonly name: string; readonly content?: string };

async function archiveOf(lies: readonly Lie[]): Promise<Buffer> {
  const archive = pack();
  for (const { content = "", ...header } of lies) archive.entry({ mode: 0o644, ...header }, content);
  archive.finalize();
  return buffer(archive);
}

/**
 * Archives of a hostile container that is asked for `dir`, and what may be there of them; outside of the
 * destination never anything.
 */
const lies: readonly [title: string, entries: readonly Lie[], left: readonly string[], told: RegExp][] = [
  ["names that climb out", [{ name: "dir/../../escaped" }], [], /not requested/],
  ["absolute names", [{ name: "/escaped" }], [], /not requested/],
  ["other names than what was asked for", [{ name: ".ssh/authorized_keys" }], [], /not requested/],
  [
    "a file below a symbolic link that it made",
    [
      { name: "dir/", type: "directory" },
      { name: "dir/out", type: "symlink", linkname: "../.." },
      { name: "dir/out/escaped" },
    ],
    ["dir", "dir/out", "dir/out/escaped"],
    /skipped "dir\/out".*points out of/,
  ],
  [
    "absolute symbolic links",
    [
      { name: "dir/", type: "directory" },
      { name: "dir/shadow", type: "symlink", linkname: "/etc/shadow" },
    ],
    ["dir"],
    /skipped "dir\/shadow"/,
  ],
  [
    "a link that leads out by way of another",
    [
      { name: "dir/a/b/", type: "directory" },
      { name: "dir/a/b/top", type: "symlink", linkname: "../.." },
      { name: "dir/out", type: "symlink", linkname: "a/b/top/../../escaped" },
    ],
    ["dir", "dir/a", "dir/a/b", "dir/a/b/top"],
    /skipped "dir\/out"/,
  ],
  [
    "a symbolic link in place of the directory",
    [{ name: "dir", type: "symlink", linkname: "x" }],
    [],
    /skipped "dir"/,
  ],
  [
    "a file below a link inside",
    [
      { name: "dir/real/", type: "directory" },
      { name: "dir/link", type: "symlink", linkname: "real" },
      { name: "dir/link/file" },
    ],
    ["dir", "dir/link", "dir/real"],
    /"dir\/link" is not a directory here/,
  ],
  [
    "hard links to files outside",
    [{ name: "dir/x", type: "link", linkname: "/etc/passwd" }],
    [],
    /not requested/,
  ],
  [
    "hard links to what is not there",
    [{ name: "dir/x", type: "link", linkname: "dir/y" }],
    ["dir"],
    /skipped "dir\/x": hard link/,
  ],
  [
    "devices",
    [{ name: "dir/sda", type: "block-device", devmajor: 8, devminor: 0 }],
    [],
    /skipped "dir\/sda"/,
  ],
  [
    "a hole that would fill the disk",
    [{ name: "dir/x", content: "x", pax: { "GNU.sparse.size": "9000000000000", "GNU.sparse.map": "0,1" } }],
    [],
    /skipped "dir\/x": sparse file/,
  ],
  [
    "names that would colour the terminal",
    [{ name: "dir/\x1b[31m", type: "fifo" }],
    [],
    /"dir\/\\u001b\[31m"/,
  ],
];

for (const [title, entries, left, told] of lies) {
  test(`nothing is written outside of the destination through ${title}`, async () => {
    await using endpoint = await serve(new LyingEngine(await archiveOf(entries)));
    const destination = join(endpoint.here, "destination");
    await mkdir(destination);
    const { status, stderr } = await endpoint.cp("web:/dir", destination);
    assert.equal(status, 1);
    assert.match(stderr, told);
    assert.deepEqual(await namesBelow(destination), left);
    assert.deepEqual(await readdir(endpoint.here), ["destination"]);
  });
}

test("a link that was already in the destination is not followed, nor replaced by a directory", async () => {
  const entries = [{ name: "dir/", type: "directory" as const }, { name: "dir/escaped" }];
  await using endpoint = await serve(new LyingEngine(await archiveOf(entries)));
  const destination = join(endpoint.here, "destination");
  await mkdir(destination);
  await symlink("..", join(destination, "dir"));
  assert.match((await endpoint.cp("web:/dir", destination)).stderr, /"dir" is not a directory here/);
  assert.deepEqual(await readdir(endpoint.here), ["destination"]);
});

test("set-user-id bits and the owner are dropped", async () => {
  const entries = [{ name: "tool", mode: 0o6755, uid: 1234, gid: 1234, content: "x" }];
  await using endpoint = await serve(new LyingEngine(await archiveOf(entries)));
  assert.deepEqual(await endpoint.cp("web:/tool", endpoint.here), quiet);
  const { mode, uid } = await lstat(join(endpoint.here, "tool"));
  assert.deepEqual([mode & 0o7777, uid], [0o755, process.getuid?.()]);
});

for (const [title, archive] of [
  ["is cut", (whole: Buffer) => whole.subarray(0, 700)],
  ["is none", () => Buffer.alloc(2048, "garbage")],
] as const) {
  test(`an archive that ${title} leaves no partial file`, async () => {
    const whole = await archiveOf([{ name: "file", content: "x".repeat(1000) }]);
    await using endpoint = await serve(new LyingEngine(archive(whole)));
    await writeFile(join(endpoint.here, "file"), "old");
    assert.equal((await endpoint.cp("web:/file", endpoint.here)).status, 1);
    assert.deepEqual(await treeContents(endpoint.here), { file: "old" });
  });
}

async function treeContents(path: string): Promise<Readonly<Record<string, string>>> {
  const names = await readdir(path);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(path, name), "utf8")])),
  );
}

for (const [source, destination, told] of [
  ["a", "b", /one side must be in a container/],
  ["-", "b", /one side must be in a container/],
  ["x:/a", "y:/b", /only one side/],
  ["x:", "b", /has no path/],
  [":/a", "b", /no container name/],
  ["./with:colon", "b", /one side must be in a container/],
] as const) {
  test(`cp ${source} ${destination} is refused as a usage error`, async () => {
    await using endpoint = await serve();
    const { status, stderr } = await endpoint.cp(source, destination);
    assert.equal(status, 2);
    assert.match(stderr, told);
  });
}
