import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ImageOptions, indexOf, type TestEntry } from "../../src/testing/images.ts";
import { pushImage, startRegistry, type TestRegistry } from "../../src/testing/registry.ts";
import { type BerthOptions, TestBerth } from "./berth.ts";
import { busyboxImage } from "./busybox.ts";
import { clientProgram } from "./client-programs.ts";
import { ContainerdClients } from "./containerd.ts";
import { publicRegistries } from "./public-registries.ts";

/** The result of one of its tests, or of a part of one (`TestAdditionalGids/case-1`). */
export type CaseResult = { readonly name: string; readonly state: "PASS" | "FAIL" | "SKIP" };

export type SuiteResult = { readonly results: readonly CaseResult[]; readonly output: string };

/**
 * Runs containerd's CRI tests with these names on a separate daemon, with stand-ins for their images. Throws
 * an Error with their output if they do not finish.
 */
export async function runCriTests(names: readonly string[]): Promise<SuiteResult> {
  await using registry = await startRegistry();
  await using berth = await TestBerth.start();
  await pushStandIns(registry);
  const list = join(berth.directory, "images.toml");
  const lines = Object.entries(standIns).map(([name, { path }]) => `${name} = "${registry.host}/${path}"\n`);
  await writeFile(list, lines.join(""));
  return await run("containerd-integration.test", {
    args: [`-test.run=^(${names.join("|")})$`, `-cri-endpoint=unix://${berth.socket}`, `-image-list=${list}`],
    cwd: berth.directory,
  });
}

/**
 * Runs the tests of containerd's client library, except for these (a regular expression of Go). They fetch
 * their images themselves, by public names.
 */
export async function runClientTests(
  without: readonly string[],
  options: BerthOptions,
): Promise<SuiteResult> {
  await using registries = await publicRegistries(["ghcr.io", "registry.k8s.io"]);
  await pushStandIns(registries.registry);
  await using berth = await TestBerth.start(options);
  // They read files next to their source, which is not here.
  const cwd = join(berth.directory, "tests");
  await mkdir(cwd);
  const outcome = await run("containerd-client.test", {
    args: [
      ...["-test.root", "-no-daemon", "-no-shim-cgroup", `-address=${berth.socket}`, "-test.parallel=4"],
      `-test.skip=${without.map((name) => (name.includes("/") ? name : `^${name}$`)).join("|")}`,
    ],
    cwd,
    env: registries.env,
  });
  await deleteTasks(berth, "testing");
  return outcome;
}

/** One test kills its process without the daemon and leaves the task. */
async function deleteTasks({ socket }: TestBerth, namespace: string): Promise<void> {
  using clients = new ContainerdClients(socket);
  const { tasks } = clients.in(namespace);
  for (const { id: containerId } of (await tasks.list({ filter: "" })).tasks) {
    await tasks.kill({ containerId, execId: "", signal: constants.signals.SIGKILL, all: true });
    await tasks.wait({ containerId, execId: "" });
    await tasks.delete({ containerId });
  }
}

async function run(
  program: string,
  { args, cwd, env = {} }: { args: readonly string[]; cwd: string; env?: Readonly<Record<string, string>> },
): Promise<SuiteResult> {
  const running = promisify(execFile)(clientProgram(program), ["-test.v", ...args], {
    maxBuffer: 2 ** 28,
    cwd,
    env: { ...process.env, ...env },
  });
  const { stdout, stderr } = await running.catch((failed: { stdout: string; stderr: string }) => failed);
  if (!/^(PASS|FAIL)$/m.test(stdout)) throw new Error(`${program} came to no end:\n${stdout}\n${stderr}`);
  const results = [...stdout.matchAll(/^ *--- (PASS|FAIL|SKIP): (\S+)/gm)].map(
    ([, state, name = ""]) => ({ state, name }) as CaseResult,
  );
  return { results, output: stdout };
}

const users: readonly TestEntry[] = [
  {
    name: "etc/passwd",
    content: `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`,
  },
  {
    name: "etc/group",
    content: `root:x:0:
daemon:x:1:
sys:x:3:
wheel:x:10:root
www-data:x:33:
nogroup:x:65534:
`,
  },
  { name: "run", type: "directory", mode: 0o755 },
];

/** By the CRI tests' names of their public images; a path without its host. */
const standIns: Readonly<Record<string, { readonly path: string; readonly image: ImageOptions }>> = {
  BusyBox: { path: "containerd/busybox:1.36", image: { layers: [users], config: { Cmd: ["sh"] } } },
  Pause: { path: "pause:3.10.2", image: { config: { Entrypoint: ["sleep", "1000000"], Cmd: [] } } },
  ResourceConsumer: {
    path: "consumer:latest",
    image: { config: { Cmd: ["sh", "-c", "while true; do sleep 0.01; done"] } },
  },
  VolumeCopyUp: {
    path: "containerd/volume-copy-up:2.2",
    image: {
      layers: [
        [
          "test_dir/test_file",
          "C:/weird_test_dir/weird_test_file",
          ":colon_prefixed/colon_prefixed_file",
        ].map((name) => ({ name, content: "test_content\n" })),
      ],
      config: { Volumes: { "/test_dir": {}, "C:/weird_test_dir": {}, "/:colon_prefixed": {} } },
    },
  },
  VolumeOwnership: {
    path: "containerd/volume-ownership:2.1",
    image: {
      layers: [[...users, { name: "test_dir", type: "directory", mode: 0o755, uid: 65534, gid: 65534 }]],
      config: { Volumes: { "/test_dir": {} } },
    },
  },
};

/** Each has two platforms, like public images, and a layer that no other has. */
async function pushStandIns(registry: TestRegistry): Promise<void> {
  for (const { path, image } of Object.values(standIns)) {
    const [repository = "", tag = ""] = path.split(":");
    const platforms = ["amd64", "arm64"].map((architecture) => ({ os: "linux", architecture }));
    const images = await Promise.all(
      platforms.map(async (platform) => {
        const layers = [
          ...(image.layers ?? []),
          [{ name: "etc/whose", content: path + platform.architecture }],
        ];
        return [await busyboxImage({ ...image, layers, platform }), platform] as const;
      }),
    );
    await pushImage(registry, repository, tag, indexOf(images));
  }
}
