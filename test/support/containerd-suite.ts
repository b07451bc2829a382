import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ImageOptions, TestEntry } from "../../src/testing/images.ts";
import { pushImage, startRegistry } from "../../src/testing/registry.ts";
import { TestBerth } from "./berth.ts";
import { busyboxImage } from "./busybox.ts";
import { clientProgram } from "./client-programs.ts";

/** What became of one of its tests, or of a part of one (`TestAdditionalGids/case-1`). */
export type CaseResult = { readonly name: string; readonly state: "PASS" | "FAIL" | "SKIP" };

/**
 * Runs containerd's own integration tests of these names over a daemon of their own, with stand-ins for their
 * images. Throws Error with what they printed when they come to no end.
 */
export async function runContainerdSuite(names: readonly string[]): Promise<{
  readonly results: readonly CaseResult[];
  readonly output: string;
}> {
  await using registry = await startRegistry();
  await using berth = await TestBerth.start();
  const list = join(berth.directory, "images.toml");
  const lines: string[] = [];
  for (const [name, options] of Object.entries(standIns)) {
    const repository = name.toLowerCase();
    await pushImage(registry, repository, "latest", await busyboxImage(options));
    lines.push(`${name} = "${registry.host}/${repository}:latest"\n`);
  }
  await writeFile(list, lines.join(""));
  const program = clientProgram("containerd-integration.test");
  const args = [
    "-test.v",
    `-test.run=^(${names.join("|")})$`,
    `-cri-endpoint=unix://${berth.socket}`,
    `-image-list=${list}`,
  ];
  const running = promisify(execFile)(program, args, { maxBuffer: 2 ** 26, cwd: berth.directory });
  const { stdout, stderr } = await running.catch((failed: { stdout: string; stderr: string }) => failed);
  const results = [...stdout.matchAll(/^ *--- (PASS|FAIL|SKIP): (\S+)/gm)].map(
    ([, state, name = ""]) => ({ state, name }) as CaseResult,
  );
  if (!/^(PASS|FAIL)$/m.test(stdout)) throw new Error(`the suite came to no end:\n${stdout}\n${stderr}`);
  return { results, output: stdout };
}

const users: readonly TestEntry[] = [
  {
    name: "etc/passwd",
    content: `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`,
  },
  {
    name: "etc/group",
    content: `root:x:0:
daemon:x:1:
wheel:x:10:root
nogroup:x:65534:
`,
  },
];

/** By the suite's names for its images, which are public ones. */
const standIns: Readonly<Record<string, ImageOptions>> = {
  BusyBox: { layers: [users], config: { Cmd: ["sh"] } },
  Pause: { config: { Entrypoint: ["sleep", "1000000"], Cmd: [] } },
  ResourceConsumer: { config: { Cmd: ["sh", "-c", "while true; do sleep 0.01; done"] } },
  VolumeCopyUp: {
    layers: [
      ["test_dir/test_file", "C:/weird_test_dir/weird_test_file", ":colon_prefixed/colon_prefixed_file"].map(
        (name) => ({ name, content: "test_content\n" }),
      ),
    ],
    config: { Volumes: { "/test_dir": {}, "C:/weird_test_dir": {}, "/:colon_prefixed": {} } },
  },
  VolumeOwnership: {
    layers: [[...users, { name: "test_dir", type: "directory", mode: 0o755, uid: 65534, gid: 65534 }]],
    config: { Volumes: { "/test_dir": {} } },
  },
};
