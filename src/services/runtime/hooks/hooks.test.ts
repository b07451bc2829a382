import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { tempDir } from "../../../testing/temp-dir.ts";
import { type HookSubject, isFor } from "./hook-definition.ts";
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
    isFor(parsed({ when }).when, { ...subject, ...change });

  test("runs where all of its conditions hold", () => {
    assert.equal(runs({ always: true }), "yes");
    assert.equal(runs({ always: false }), "no");
    assert.equal(runs({ commands: [".*/init$", ".*/systemd$"] }), "yes");
    assert.equal(runs({ commands: [".*/init$"] }, { command: "/sbin/init2" }), "no");
    assert.equal(runs({ hasBindMounts: true }), "yes");
    assert.equal(runs({ hasBindMounts: true }, { hasBindMounts: false }), "no");
    assert.equal(runs({ annotations: { "^com\\.example\\.department$": ".*dynamics$" } }), "yes");
    assert.equal(runs({ annotations: { "^com\\.example\\.department$": "^solid" } }), "no");
    assert.equal(runs({ annotations: { "[[:alpha:]]+": ".*", "^nobody$": ".*" } }), "no");
    assert.equal(runs({ always: true, commands: ["/bin/sh"] }), "no");
  });

  test("knows POSIX character classes", () => {
    assert.equal(runs({ commands: ["^/[[:lower:]]+/[^[:digit:]]+$"] }), "yes");
    assert.equal(runs({ commands: ["^/[[:upper:]]+"] }), "no");
  });

  test("looks through the longest annotation in a time that grows with its length alone", () => {
    // A pattern that tries again at each place takes minutes here, and the test's process with it.
    const annotations = { "com.example.department": "a".repeat(256 * 1024) };
    assert.equal(
      runs({ annotations: { "^com\\.example\\.department$": ".*fluid-dynamics$" } }, { annotations }),
      "no",
    );
  });

  test("keeps its arguments, environment and time", () => {
    const hook = { path: "/bin/x", args: ["x", "-v"], env: ["A=1"], timeout: 5 };
    const definition = parsed({ hook, stages: ["poststop", "createRuntime"] });
    assert.deepEqual(definition.kind === "usable" && definition.hook, hook);
  });

  test("of version 0.1.0 runs where any of its conditions holds, with its program's name as the first argument", () => {
    const old = { hook: "/bin/x", arguments: ["-v"], stages: ["prestart"] };
    const read = (change: object) => parseHook(JSON.stringify({ ...old, ...change }), "/etc/hooks/a.json");
    const definition = read({ cmds: ["nobody"], annotations: ["^solid", "dynamics$"], version: "0.1.0" });
    assert.deepEqual(definition.kind === "usable" && [definition.hook, definition.stages], [
      { path: "/bin/x", args: ["/bin/x", "-v"] },
      ["prestart"],
    ]);
    assert.equal(isFor(definition.when, subject), "yes");
    assert.equal(isFor(definition.when, { ...subject, annotations: {} }), "no");
    assert.equal(isFor(read({ cmd: ["init$"], hasbindmounts: false }).when, subject), "yes");
    assert.equal(isFor(read({ hasbindmounts: true }).when, subject), "yes");
    assert.equal(
      isFor(read({ when: { always: true } }).when, subject),
      "unknown",
      "it is of another version",
    );
  });

  test("that is not one is broken, with what is wrong, and says what can be read of for whom it was", () => {
    const wrong: readonly (readonly [object, RegExp, "yes" | "no" | "unknown"])[] = [
      [{ version: "2.0.0" }, /version must be "1\.0\.0" or "0\.1\.0", is "2\.0\.0"/, "unknown"],
      [{ hook: { path: "true" } }, /hook\.path must be an absolute path/, "yes"],
      [{ hook: { path: "true" }, when: { commands: ["nobody"] } }, /hook\.path/, "no"],
      [{ hook: { path: "/bin/true", arg: [] } }, /hook: unknown property "arg"/, "yes"],
      [{ hook: { path: "/bin/true", timeout: 0 } }, /hook\.timeout/, "yes"],
      [{ when: {} }, /when must have one of always/, "unknown"],
      [{ when: { commands: ["("] } }, /when\.commands: "\(" is not a regular expression/, "unknown"],
      [{ when: { commands: ["("], always: false } }, /is not a regular expression/, "no"],
      [{ when: { always: true, never: true } }, /when: unknown property "never"/, "unknown"],
      [{ when: { commands: ["[[:none:]]"] } }, /is not a regular expression/, "unknown"],
      [{ stages: [] }, /stages must not be empty/, "yes"],
      [{ stages: ["later"] }, /stages: "later" is not one of prestart, /, "yes"],
    ];
    for (const [change, problem, whose] of wrong) {
      const definition = parsed(change);
      assert.match(definition.kind === "broken" ? definition.problem : "it can be used", problem);
      assert.equal(isFor(definition.when, subject), whose, String(problem));
    }
    assert.equal(isFor(parseHook("{", "/a.json").when, subject), "unknown");
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
