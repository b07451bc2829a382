import assert from "node:assert/strict";
import { mkdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { automount } from "../../testing/automount.ts";
import { deadFileSystem } from "../../testing/dead-file-system.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { HostPaths } from "./index.ts";

/** Look-ups that take as long as the test wants. */
function heldWork() {
  const release = Promise.withResolvers<string>();
  let started = 0;
  const work = () => {
    started++;
    return release.promise;
  };
  return { work, release, started: () => started };
}

const turns = () => new Promise((resolve) => setImmediate(resolve));

test("a look-up gives what its work gives, or fails as that does", async () => {
  const lookUp = new HostPaths().of("pod");
  assert.ok((await lookUp("/", () => stat("/"))).isDirectory());
  await assert.rejects(
    lookUp("/none", () => stat("/none")),
    { code: "ENOENT" },
  );
});

test("an owner has no more look-ups under way than its share, and others are not held up", async () => {
  const paths = new HostPaths({ perOwner: 2 });
  const held = heldWork();
  const mine = [1, 2, 3, 4].map(() => paths.of("mine")("/x", held.work));
  await turns();
  assert.equal(held.started(), 2);
  assert.equal(await paths.of("other")("/x", async () => "other"), "other");
  held.release.resolve("done");
  assert.deepEqual(await Promise.all(mine), ["done", "done", "done", "done"]);
  assert.equal(held.started(), 4);
});

test("all owners together have no more than the pool has threads for them", async () => {
  const paths = new HostPaths({ all: 3 });
  const held = heldWork();
  const all = [1, 2, 3, 4, 5].map((owner) => paths.of(`${owner}`)("/x", held.work));
  await turns();
  assert.equal(held.started(), 3);
  held.release.resolve("done");
  await Promise.all(all);
});

test("nobody waits longer than the limit, for an answer or for a turn, and what was not begun never is", async () => {
  const paths = new HostPaths({ perOwner: 1, answerMs: 20 });
  const held = heldWork();
  const lookUp = paths.of("pod");
  const error = {
    code: "Unavailable",
    message: /^\/x\/y of the host does not respond \(waited for 0\.02 s\).* at \//,
  };
  await Promise.all([1, 2].map(() => assert.rejects(lookUp("/x/y", held.work), error)));
  held.release.resolve("late");
  await turns();
  assert.equal(held.started(), 1);
  assert.equal(await lookUp("/x/y", async () => "again"), "again");
});

test("waiting ends with the caller's signal, and soon when the daemon stops", async () => {
  const paths = new HostPaths({ slowMs: 10 });
  const held = heldWork();
  const caller = new AbortController();
  const one = paths.of("one", caller.signal)("/x", held.work);
  const two = paths.of("two")("/x", held.work);
  caller.abort(new Error("gone"));
  await assert.rejects(one, { message: "gone" });
  paths.hurry();
  await assert.rejects(two, { code: "Unavailable", message: /the daemon is shutting down/ });
  held.release.resolve("late");
});

test("a file system that hangs holds its share of threads and no more, whoever asks", async () => {
  await using directory = await tempDir();
  const [path, answerMs] = [join(directory.path, "dead"), 2000];
  await mkdir(path);
  const bothHang = Promise.withResolvers<void>();
  let hanging = 0;
  const onHang = () => {
    if (++hanging === 2) bothHang.resolve();
  };
  const paths = new HostPaths({ perFileSystem: 2, slowMs: 10, answerMs, onHang });
  let begun = 0;
  const ask = (owner: number) => {
    const below = join(path, `${owner}`);
    return paths.of(`${owner}`)(below, () => {
      begun++;
      return stat(below);
    });
  };
  await using _dead = await deadFileSystem(path);
  const [first, second] = [ask(1), ask(2)];
  const early = [assert.rejects(first), assert.rejects(second)];
  await bothHang.promise;
  await assert.rejects(ask(3), { code: "Unavailable", message: /file system \(fuse dead at .*dead\)/ });
  assert.equal(begun, 2);
  assert.equal(await paths.of("3")(directory.path, async () => "elsewhere"), "elsewhere");
  await Promise.all(early);
});

test("many that ask a file system at once, before it is known to hang, hold no more threads than its share", async () => {
  await using directory = await tempDir();
  const paths = new HostPaths({ all: 3, perFileSystem: 2, answerMs: 2000 });
  await using dead = await deadBelow(directory.path, "dead");
  const ends = tenOwners(paths, dead.path);
  assert.equal(await paths.of("local")(directory.path, async () => "elsewhere"), "elsewhere");
  await Promise.all(ends);
});

test("links that lead to a file system that hangs count as that one", async () => {
  await using directory = await tempDir();
  const paths = new HostPaths({ all: 3, perFileSystem: 2, slowMs: 60_000, answerMs: 5000 });
  await using _dead = await deadBelow(directory.path, "dead");
  await mkdir(join(directory.path, "links"));
  const link = join(directory.path, "links", "to");
  await symlink("../dead/and", link);
  const ends = tenOwners(paths, link);
  assert.equal(await paths.of("local")(directory.path, async () => "elsewhere"), "elsewhere");
  await Promise.all(ends);
});

test("any number of file systems that hang leave threads for the machine's own paths", async () => {
  await using directory = await tempDir();
  const paths = new HostPaths({ all: 3, perFileSystem: 1, ofOthers: 2, answerMs: 2000 });
  await using one = await deadBelow(directory.path, "one");
  await using two = await deadBelow(directory.path, "two");
  await using three = await deadBelow(directory.path, "three");
  const ends = [one, two, three].flatMap(({ path }) => tenOwners(paths, path));
  assert.equal(await paths.of("local")(directory.path, async () => "elsewhere"), "elsewhere");
  await Promise.all(ends);
});

test("an automount has the share of a file system that others must answer for, as whoever mounts there may not answer", async () => {
  await using directory = await tempDir();
  const paths = new HostPaths({ all: 3, perFileSystem: 2 });
  const path = join(directory.path, "automount");
  await mkdir(path);
  await using _automount = await automount(path);
  const held = heldWork();
  const all = [1, 2, 3, 4].map((owner) => paths.of(`${owner}`)(join(path, "x"), held.work));
  assert.equal(await paths.of("local")(directory.path, async () => "elsewhere"), "elsewhere");
  assert.equal(held.started(), 2);
  held.release.resolve("done");
  await Promise.all(all);
});

async function deadBelow(directory: string, name: string) {
  const path = join(directory, name);
  await mkdir(path);
  return deadFileSystem(path);
}

/** Look-ups by ten owners, all of which get no answer. */
function tenOwners(paths: HostPaths, directory: string): readonly Promise<void>[] {
  return Array.from({ length: 10 }, (_, index) => {
    const path = join(directory, `${index}`);
    const lookUp = paths.of(path)(path, () => stat(path));
    return assert.rejects(lookUp, { code: "Unavailable", message: /does not respond/ });
  });
}

test("a look-up that is given up before its place is known fails at once, and is never begun", async () => {
  const paths = new HostPaths({ perFileSystem: 1 });
  const [held, late] = [heldWork(), heldWork()];
  const first = paths.of("first")("/x", held.work);
  const gone = new AbortController();
  const failed = assert.rejects(paths.of("second", gone.signal)("/x", late.work), /gone/);
  // Were it a rejection inside that nobody waits for, that would fail the test.
  gone.abort(new Error("gone"));
  await failed;
  held.release.resolve("done");
  await first;
  // Places are found one after the other.
  assert.equal(await paths.of("third")("/x", async () => "third"), "third");
  await turns();
  assert.equal(late.started(), 0);
});
