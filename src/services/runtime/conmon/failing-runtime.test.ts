import assert from "node:assert/strict";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { until } from "../../../testing/until.ts";
import { oneHandler, TaskBench, tracesOf } from "../testing/task-bench.ts";

/** Seconds to sleep, by which a process is found again that is this run's alone. */
function marker(test: number): string {
  return `9${test}${process.pid}`;
}

/** An OCI runtime that fails in one way, as no real one does at will. */
async function benchWith(
  script: string,
  createTimeoutMs = 60_000,
  monitorGraceMs = 10_000,
): Promise<TaskBench> {
  const bench = await TaskBench.open({ createTimeoutMs, monitorGraceMs }, (directory) =>
    oneHandler("bad", join(directory, "bad-runtime"), "other"),
  );
  const path = join(bench.directory, "bad-runtime");
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return bench;
}

/** crun, which is killed in one command after it has mounted a program in its state of the container. */
function withMount(command: string): string {
  return `
    case "$*" in
      *${command}*)
        for id; do :; done
        while [ $# -gt 0 ]; do [ "$1" = --root ] && root=$2; shift; done
        mkdir -p "$root/$id"
        touch "$root/$id/program"
        mount --bind /bin/true "$root/$id/program"
        kill -KILL $$;;
      *) exec /usr/bin/crun "$@";;
    esac`;
}

/** A create that fails, and what it says; nothing is left of it. */
async function failureOf(
  bench: TaskBench,
  signal?: AbortSignal,
): Promise<Error & { readonly code?: string }> {
  const spec = await bench.spec("bad", "");
  const failure = await bench.tasks.create(spec, signal).then(
    () => assert.fail("it was created"),
    (error: Error) => error,
  );
  assert.deepEqual(await readdir(spec.bundleDir), []);
  assert.deepEqual(await readdir(join(bench.directory, "exits")), []);
  // What was killed may take a moment to end.
  await until(async () => (await tracesOf(spec.id)).length === 0);
  assert.equal((await readdir(bench.directory)).filter((name) => name.endsWith(".log")).length, 0);
  return failure;
}

describe("a creation", () => {
  test("fails with the last error of the OCI runtime's log", async () => {
    await using bench = await benchWith(`
      while [ $# -gt 0 ]; do [ "$1" = --log ] && log=$2; shift; done
      echo '{"level":"warning","msg":"a little thing"}' >> "$log"
      echo '{"level":"error","msg":"the disk is sad"}' >> "$log"
      echo noise >&2
      exit 1`);
    const failure = await failureOf(bench);
    assert.equal(failure.code, "Internal");
    assert.equal(failure.message, "create: the disk is sad");
  });

  test("fails with what the OCI runtime wrote to stderr when it keeps no log", async () => {
    await using bench = await benchWith("echo 'I \"cannot\"' >&2; exit 1");
    assert.match((await failureOf(bench)).message, /I "cannot"/);
  });

  test("fails when the OCI runtime dies without a word", async () => {
    await using bench = await benchWith("kill -SEGV $$");
    assert.match((await failureOf(bench)).message, /printed nothing/);
  });

  test("fails when the OCI runtime claims success but made nothing", async () => {
    await using bench = await benchWith("exit 0");
    assert.equal((await failureOf(bench)).code, "Internal");
  });

  test("fails when the OCI runtime writes garbage to its pid file", async () => {
    await using bench = await benchWith(`
      while [ $# -gt 0 ]; do [ "$1" = --pid-file ] && pid=$2; shift; done
      [ -z "$pid" ] || echo nonsense > "$pid"`);
    assert.equal((await failureOf(bench)).code, "Internal");
  });

  test("is cut off when the OCI runtime hangs, and its processes are killed", async () => {
    await using bench = await benchWith(
      `case "$*" in *create*) sleep ${marker(1)} & sleep ${marker(1)};; esac`,
      2_000,
    );
    assert.equal((await failureOf(bench)).code, "DeadlineExceeded");
    await until(async () => (await tracesOf(marker(1))).length === 0);
  });

  test("leaves no process of the OCI runtime when conmon is killed", async () => {
    const mark = marker(6);
    // It holds conmon's sync pipe open until conmon was reaped.
    await using bench = await benchWith(
      `case "$*" in
         *create*)
           exec 9>/proc/$PPID/fd/3
           (sleep 1; exec 9>&-; exec sleep ${mark}) &
           kill -KILL $PPID; wait;;
       esac`,
    );
    await failureOf(bench);
    assert.deepEqual(await tracesOf(mark), []);
  });

  for (const runtime of ["/usr/bin/crun", "/usr/sbin/runc"]) {
    for (const [lives, seconds] of [
      ["after a while", "0.5"],
      ["at once", "0"],
    ]) {
      test(`fails soon, and may be tried again, when ${runtime} is killed ${lives} and leaves a process that holds its stderr`, async () => {
        const mark = marker(runtime.endsWith("runc") ? 4 : 5);
        await using bench = await benchWith(
          `case "$*" in
             *create*) setsid sleep ${mark} & sleep ${seconds}; kill -KILL $$;;
             *) exec ${runtime} "$@";;
           esac`,
          240_000,
          500,
        );
        const failure = await failureOf(bench);
        assert.equal(failure.code, "Unavailable");
        assert.match(failure.message, /OCI runtime.*killed.*try again/);
        await until(async () => (await tracesOf(mark)).length === 0);
      });
    }
  }

  test("lets an OCI runtime take its time", async () => {
    await using bench = await benchWith(
      `case "$*" in *create*) sleep 3;; esac; exec /usr/bin/crun "$@"`,
      240_000,
      100,
    );
    await bench.create(await bench.spec("bad", ""));
  });

  test("is cut off when its caller gives up", async () => {
    await using bench = await benchWith(`case "$*" in *create*) sleep ${marker(2)};; esac`);
    const failure = await failureOf(bench, AbortSignal.timeout(200));
    assert.equal(failure.code, "Canceled");
    await until(async () => (await tracesOf(marker(2))).length === 0);
  });

  test("is cut off at whatever moment its caller gives up", async () => {
    await using bench = await benchWith(`case "$*" in *create*) sleep ${marker(3)};; esac`);
    for (let ms = 0; ms < 60; ms += 2) {
      assert.equal((await failureOf(bench, AbortSignal.timeout(ms))).code, "Canceled");
      await until(async () => (await tracesOf(marker(3))).length === 0);
    }
  });

  test("leaves no mount in the OCI runtime's state, as runc 1.1 may when it is killed", async () => {
    await using bench = await benchWith(withMount("create"));
    await failureOf(bench);
    assert.deepEqual(await readdir(join(bench.directory, "bad-runtime-root")), []);
  });

  test("fails with why its specification could not be made, and leaves no conmon", async () => {
    await using bench = await TaskBench.open();
    const spec = await bench.spec("crun", "");
    const why = Object.assign(new Error("no such user"), { code: "FailedPrecondition" });
    // conmon is there by then, and waits.
    const failing = until(async () => (await tracesOf(spec.id)).length > 0).then(() => Promise.reject(why));
    await assert.rejects(bench.tasks.create({ ...spec, spec: failing }), why);
    assert.deepEqual(await readdir(spec.bundleDir), []);
    await until(async () => (await tracesOf(spec.id)).length === 0);
  });

  test("names a program that is not there", async () => {
    await using bench = await TaskBench.open({ conmonPath: "/nowhere/conmon" });
    await assert.rejects(bench.create(await bench.spec("crun", "")), {
      code: "FailedPrecondition",
      message: /\/nowhere\/conmon.*install/,
    });
  });

  test("names a handler that is not configured, and one that cannot be used", async () => {
    await using bench = await TaskBench.open();
    await assert.rejects(bench.create(await bench.spec("kata", "")), {
      code: "InvalidArgument",
      message: /kata/,
    });
    await using unusable = await TaskBench.open({}, (directory) => {
      const table = oneHandler("bad", join(directory, "x"), "other");
      const usability = { kind: "unusable", reason: "it is old", remedy: "update it" } as const;
      return { ...table, handlers: table.handlers.map((handler) => ({ ...handler, usability })) };
    });
    await assert.rejects(unusable.create(await unusable.spec("bad", "")), {
      code: "FailedPrecondition",
      message: /it is old; update it/,
    });
  });
});

describe("a deletion", () => {
  test("leaves no mount in the OCI runtime's state, as runc 1.1 may when it is killed", async () => {
    await using bench = await benchWith(withMount("delete"));
    const task = await bench.run("bad", "exec sleep 1000");
    await task.delete();
    assert.deepEqual(await readdir(join(bench.directory, "bad-runtime-root")), []);
  });

  for (const runtime of ["/usr/bin/crun", "/usr/sbin/runc"]) {
    test(`removes all cgroups when ${runtime} is killed after it removed some`, async () => {
      await using bench = await benchWith(`
        case "$*" in
          *delete*)
            for id; do :; done
            find /sys/fs/cgroup -depth -type d -name "$id" ! -path "*/pids/*" -exec rmdir {} \\;
            kill -KILL $$;;
          *) exec ${runtime} "$@";;
        esac`);
      const task = await bench.run("bad", "exec sleep 1000");
      await task.delete();
      assert.deepEqual(await tracesOf(task.id), []);
    });

    test(`removes the cgroups of a container that was killed while ${runtime} created it`, async () => {
      await using bench = await benchWith(`
        case "$*" in
          *create*)
            ${runtime} "$@" || exit
            while [ $# -gt 0 ]; do [ "$1" = --pid-file ] && pid=$2; shift; done
            kill -KILL "$(cat "$pid")";;
          *delete*) kill -KILL $$;;
          *) exec ${runtime} "$@";;
        esac`);
      const spec = await bench.spec("bad", "exec sleep 1000");
      const task = await bench.create(spec).catch(() => undefined);
      await task?.delete();
      assert.deepEqual(await tracesOf(spec.id), []);
    });
  }
});
