import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { type HookSubject, matches } from "./hook-definition.ts";
import { parseHook } from "./parse-hook.ts";
import { readHooks } from "./read-hooks.ts";

const plain = { version: "1.0.0", hook: { path: "/bin/true" }, when: { always: true }, stages: ["prestart"] };
const parsed = (change: object) => parseHook(JSON.stringify({ ...plain, ...change }), "/etc/hooks/a.json");

describe("a hook", () => {
  const subject: HookSubject = {
    annotations: { "com.example.department": "fluid-dynamics" },
    command: "/sbin/init",
    hasBindMounts: true,
  };
  const runs = (when: object, change: Partial<HookSubject> = {}) =>
    matches(parsed({ when }), { ...subject, ...change });

  test("runs where all of its conditions hold", () => {
    assert.equal(runs({ always: true }), true);
    assert.equal(runs({ always: false }), false);
    assert.equal(runs({ commands: [".*/init$", ".*/systemd$"] }), true);
    assert.equal(runs({ commands: [".*/init$"] }, { command: "/sbin/init2" }), false);
    assert.equal(runs({ hasBindMounts: true }), true);
    assert.equal(runs({ hasBindMounts: true }, { hasBindMounts: false }), false);
    assert.equal(runs({ annotations: { "^com\\.example\\.department$": ".*dynamics$" } }), true);
    assert.equal(runs({ annotations: { "^com\\.example\\.department$": "^solid" } }), false);
    assert.equal(runs({ annotations: { "[[:alpha:]]+": ".*", "^nobody$": ".*" } }), false);
    assert.equal(runs({ always: true, commands: ["/bin/sh"] }), false);
  });

  test("knows POSIX character classes", () => {
    assert.equal(runs({ commands: ["^/[[:lower:]]+/[^[:digit:]]+$"] }), true);
    assert.equal(runs({ commands: ["^/[[:upper:]]+"] }), false);
  });

  test("keeps its arguments, environment and time", () => {
    const hook = { path: "/bin/x", args: ["x", "-v"], env: ["A=1"], timeout: 5 };
    assert.deepEqual(parsed({ hook, stages: ["poststop", "createRuntime"] }).hook, hook);
  });

  test("that is not one is refused with its file and what is wrong", () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ version: "0.1.0" }, /version must be "1\.0\.0", is "0\.1\.0"/],
      [{ hook: { path: "true" } }, /hook\.path must be an absolute path/],
      [{ hook: { path: "/bin/true", arg: [] } }, /hook: unknown property "arg"/],
      [{ hook: { path: "/bin/true", timeout: 0 } }, /hook\.timeout/],
      [{ when: {} }, /when must have one of always/],
      [{ when: { commands: ["("] } }, /when\.commands: "\(" is not a regular expression/],
      [{ when: { commands: ["[[:none:]]"] } }, /unknown character class \[:none:\]/],
      [{ stages: [] }, /stages must not be empty/],
      [{ stages: ["later"] }, /stages: "later" is none of prestart, /],
    ];
    for (const [change, cause] of wrong) {
      assert.throws(
        () => parsed(change),
        (error: Error) =>
          /OCI hook \/etc\/hooks\/a\.json/.test(error.message) &&
          cause.test(String((error.cause as Error).message)),
      );
    }
    assert.throws(() => parseHook("{", "/a.json"), { code: "FailedPrecondition" });
  });
});

test("hooks of several directories come by name, and a later directory masks an earlier one", async () => {
  await using directory = await tempDir();
  const [first, second] = [join(directory.path, "first"), join(directory.path, "second")];
  await mkdir(first);
  await mkdir(second);
  const write = (path: string) => writeFile(path, JSON.stringify(plain));
  await write(join(first, "20-b.json"));
  await write(join(first, "10-A.json"));
  await write(join(second, "20-b.json"));
  await writeFile(join(second, "README"), "no hook");
  const hooks = await readHooks([first, second, join(directory.path, "none")]);
  assert.deepEqual(
    hooks.map(({ file }) => file),
    [join(first, "10-A.json"), join(second, "20-b.json")],
  );
});
