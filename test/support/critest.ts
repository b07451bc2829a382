import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before } from "node:test";
import { startRegistry } from "../../src/testing/registry.ts";
import { tempDir } from "../../src/testing/temp-dir.ts";
import { type BerthOptions, TestBerth } from "./berth.ts";
import { pushCritestImages } from "./critest-images.ts";
import { startTunnel } from "./tunnel.ts";

const program = new URL("../../.conformance/critest", import.meta.url).pathname;

/** The hosts that critest's images are named after. */
const publicHosts = ["registry.k8s.io", "k8s.gcr.io", "gcr.io"];

/** The result of one of critest's specs. */
export type SpecResult = {
  /** "GROUP: NAME", which identifies it in every run. */
  readonly key: string;
  /** Its outermost container, such as "Image Manager". */
  readonly group: string;
  /** The texts below the group. */
  readonly name: string;
  /** Ginkgo's: "passed", "failed", "skipped", "timedout", "panicked", ... */
  readonly state: string;
  /** Why it was skipped, or failed, with its output. */
  readonly message: string;
};

export type CritestOptions = {
  /** Regular expressions over the specs' full names, "[k8s.io] GROUP TEXT TEXT". */
  readonly focus?: string;
  /** Further flags, such as "-websocket-exec". */
  readonly flags?: readonly string[];
};

/**
 * For the tests of one `describe`: a daemon that finds critest's public images on a private registry, and
 * critest.
 */
export function withCritest(): {
  /** Runs specs, all by default, and returns the results of the selected ones. */
  run(options?: CritestOptions): Promise<readonly SpecResult[]>;
} {
  const undo = new AsyncDisposableStack();
  let berth: TestBerth | undefined;
  before(async () => {
    berth = undo.use(await TestBerth.start(undo.use(await critestMirror())));
  });
  after(() => undo.disposeAsync());
  return {
    run: (options = {}) => {
      if (berth === undefined) throw new Error("used before it was started");
      return runCritest(berth, options);
    },
  };
}

/** A registry of stand-ins for critest's images, and the configuration of a daemon that uses it instead. */
export async function critestMirror(): Promise<Pick<BerthOptions, "config" | "docker"> & AsyncDisposable> {
  await using parts = new AsyncDisposableStack();
  const registry = parts.use(await startRegistry());
  const certsDir = parts.use(await tempDir()).path;
  await Promise.all([pushCritestImages(registry), mirror(certsDir, registry.host)]);
  const config = `[images]\ncerts_dirs = [${JSON.stringify(certsDir)}]`;
  // Docker has mirrors for only one host. A registry that is used as a proxy answers for every host. An
  // engine that stores images as containerd does connects without TLS only if a TLS request got a plain
  // reply.
  const tunnel = parts.use(await startTunnel(registry.port));
  const registries = { names: publicHosts, proxy: `http://${registry.host}`, tlsProxy: tunnel.url };
  const docker = { registries };
  const made = parts.move();
  return { config, docker, [Symbol.asyncDispose]: () => made.disposeAsync() };
}

async function mirror(certsDir: string, host: string): Promise<void> {
  for (const name of publicHosts) {
    await mkdir(join(certsDir, name));
    const toml = `[host."http://${host}"]\ncapabilities = ["pull", "resolve"]\n`;
    await writeFile(join(certsDir, name, "hosts.toml"), toml);
  }
}

/** Runs it with any server of CRI. */
export async function runCritest(
  { socket }: { readonly socket: string },
  { focus, flags = [] }: CritestOptions = {},
): Promise<readonly SpecResult[]> {
  await using directory = await tempDir();
  const report = join(directory.path, "critest.json");
  const args = [
    `-runtime-endpoint=unix://${socket}`,
    `-image-endpoint=unix://${socket}`,
    ...(focus === undefined ? [] : [`-ginkgo.focus=${focus}`]),
    `-ginkgo.json-report=${report}`,
    "-ginkgo.timeout=15m",
    ...flags,
  ];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  await once(child, "close");
  const text = await readFile(report, "utf8").catch(() => undefined);
  if (text === undefined) throw new Error(`critest made no report:\n${output}`);
  const suites: readonly SuiteReport[] = JSON.parse(text);
  const results = suites.flatMap((suite) => suite.SpecReports ?? []).flatMap(resultOf);
  if (results.length === 0) throw new Error(`critest ran nothing:\n${output}`);
  return results;
}

/** The required part of ginkgo's JSON report. */
type SuiteReport = { readonly SpecReports: readonly SpecReport[] | null };
type SpecReport = {
  readonly LeafNodeType: string;
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly State: string;
  /** 0 for a spec that was not selected. */
  readonly NumAttempts: number;
  readonly Failure?: { readonly Message: string };
  readonly CapturedGinkgoWriterOutput?: string;
};

/** Set-up around all specs is reported as well: it counts if it failed. */
function resultOf(spec: SpecReport): readonly SpecResult[] {
  const failed = spec.State !== "passed" && spec.State !== "skipped";
  if (spec.LeafNodeType !== "It" ? !failed : spec.NumAttempts === 0 && !failed) return [];
  const [outermost = spec.LeafNodeType, ...inner] = spec.ContainerHierarchyTexts ?? [];
  const [group, name] = [outermost.replace("[k8s.io] ", ""), [...inner, spec.LeafNodeText].join(" ")];
  const output = failed ? `\n${spec.CapturedGinkgoWriterOutput ?? ""}` : "";
  return [
    {
      key: `${group}: ${name}`,
      group,
      name,
      state: spec.State,
      message: (spec.Failure?.Message ?? "") + output,
    },
  ];
}
