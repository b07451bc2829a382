import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "../../testing/temp-dir.ts";
import { ConfigError, loadConfig, parseConfig, renderDefaultConfig } from "./index.ts";

const problemsOf = (text: string): readonly string[] => {
  try {
    parseConfig(text, "f");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.split("\n");
  }
  return [];
};

/** Every time of a configuration. */
function timesIn(section: object, path = ""): readonly (readonly [path: string, ms: unknown])[] {
  return Object.entries(section).flatMap(([name, value]) => {
    const here = `${path}.${name}`;
    if (typeof value === "object" && value !== null) return timesIn(value, here);
    return name.endsWith("Ms") ? [[here, value] as const] : [];
  });
}

describe("the configuration", () => {
  it("has a default for every key", () => {
    const config = parseConfig("", "f");
    assert.equal(config.root, "/var/lib/berth");
    assert.equal(config.images.pullProgressTimeoutMs, 60_000);
    assert.deepEqual(config.runtime.handlers, {});
  });

  it("that is printed as the default is read as the default", () => {
    assert.deepEqual(parseConfig(renderDefaultConfig(), "f"), parseConfig("", "f"));
  });

  it("names the nearest known key for an unknown one", () => {
    assert.deepEqual(problemsOf('[network]\nconfdir = "/x"'), [
      "f:2: network.confdir: unknown key; did you mean conf_dir?",
    ]);
    assert.deepEqual(problemsOf("rot = 1"), ["f:1: rot: unknown key; did you mean root?"]);
  });

  it("reports every problem at once, with what is allowed", () => {
    const problems = problemsOf(
      'root = "relative"\n[log]\nlevel = "loud"\n[images]\npull_progress_timeout = 5\n',
    );
    assert.equal(problems.length, 3);
    assert.match(problems[0] ?? "", /root: must be an absolute path; it is "relative"/);
    assert.match(problems[1] ?? "", /log.level: must be one of "trace"/);
    assert.match(problems[2] ?? "", /images.pull_progress_timeout: must be a time such as/);
  });

  it("says in one line what is no TOML, without the bytes that are there", () => {
    assert.deepEqual(problemsOf('root = "/x"\nstate = [\n'), ["f:3:1: this is not TOML: invalid value"]);
    assert.deepEqual(problemsOf("\x7fELF\0\x01"), ["f:1:1: this is not TOML: illegal character in key"]);
  });

  it("says on which line a problem is, also in headings, dotted keys and inline tables", () => {
    const lines = (text: string) => problemsOf(text).map((problem) => problem.split(" ")[0]);
    assert.deepEqual(lines('# a\n[log]\nlevel = "info"\n[ "log".x ]\n'), ["f:4:"]);
    assert.deepEqual(lines('log.format = "json"\nlog.level = "loud"\n'), ["f:2:"]);
    assert.deepEqual(lines('\nlog = { level = "loud" }\n'), ["f:2:"]);
  });

  it("says where a file is not TOML", () => {
    assert.match(problemsOf("root = \n")[0] ?? "", /^f:1:\d+: /);
  });

  it("takes handlers under names of the user's own", () => {
    const config = parseConfig('[runtime.handlers.kata]\npath = "/opt/kata"', "f");
    assert.deepEqual(config.runtime.handlers, {
      kata: {
        path: "/opt/kata",
        privilegedWithoutHostDevices: false,
        podAnnotations: [],
        containerAnnotations: [],
        allowedAnnotations: [],
      },
    });
    assert.match(
      problemsOf("[runtime.handlers.kata]\npth = 1")[0] ?? "",
      /runtime\.handlers\.kata\.pth: unknown key; did you mean path/,
    );
  });

  it("has no time that is longer than timers keep, which would ring at once", () => {
    const times = renderDefaultConfig().matchAll(/^(\[[\w.]+\])|^(\w+ = )"[\d.]+(?:ms|s|m|h)"$/gm);
    const toml = Array.from(times, ([, heading, key]) => heading ?? `${key}"600h"`).join("\n");
    const found = timesIn(parseConfig(toml.replace(/^\[runtime\.handlers.*\n?/m, ""), "f"));
    assert.ok(found.length >= 7);
    for (const [path, ms] of found) assert.equal(ms, 2 ** 31 - 1, path);
  });

  it("has no pause and no limit of zero where that would never rest, or be over at once", () => {
    const problems = problemsOf(
      '[stats]\nsample_period = "0s"\n[network]\nplugin_timeout = "0ms"\n[streaming]\nidle_timeout = "0s"\ncreation_timeout = "10ms"\n',
    );
    assert.deepEqual(problems.toSorted(), [
      'f:2: stats.sample_period: must be "1s" or longer; it is "0s"',
      'f:4: network.plugin_timeout: must be "1s" or longer; it is "0ms"',
      'f:6: streaming.idle_timeout: must be "1s" or longer; it is "0s"',
      'f:7: streaming.creation_timeout: must be "1s" or longer; it is "10ms"',
    ]);
    assert.deepEqual(problemsOf('[runtime]\ncreate_timeout = "0s"\n[images]\ngc_delay = "0s"\n'), []);
  });

  it("is overridden by the command line", async () => {
    await using directory = await tempDir();
    const file = join(directory.path, "config.toml");
    await writeFile(file, 'root = "/a"\nstate = "/b"\n');
    const config = await loadConfig({ file, overrides: { state: "/c" } });
    assert.deepEqual([config.root, config.state], ["/a", "/c"]);
  });

  it("is not overridden by what its file may not say either", async () => {
    await using directory = await tempDir();
    const file = join(directory.path, "config.toml");
    await writeFile(file, "");
    const overrides = { root: "data", state: "/b", address: "" };
    await assert.rejects(loadConfig({ file, overrides }), {
      code: "InvalidArgument",
      message:
        '--root: must be an absolute path; it is "data"\n--address: must be an absolute path; it is ""',
    });
  });

  it("that was named and does not exist is an error", async () => {
    await assert.rejects(loadConfig({ file: "/no/such/file" }), { code: "NotFound" });
  });
});
