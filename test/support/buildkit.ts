import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { clientProgram } from "./client-programs.ts";
import { eventually } from "./condition.ts";

/** A build request of a client. */
export type Build = {
  /** Files of the context by name, including the Dockerfile. */
  readonly files: Readonly<Record<string, string>>;
  /** In the format of buildctl's `--output`. */
  readonly output?: string;
  /** Other arguments of `buildctl build`. */
  readonly args?: readonly string[];
};

/** A separate buildkitd, whose only worker is a containerd namespace at a socket. */
export class TestBuildkit implements AsyncDisposable {
  readonly directory: string;
  readonly #process: ChildProcess;
  #builds = 0;

  private constructor(directory: string, process: ChildProcess) {
    this.directory = directory;
    this.#process = process;
  }

  static async start(containerd: string, namespace: string): Promise<TestBuildkit> {
    const directory = await mkdtemp(join(tmpdir(), "berth-test-buildkit-"));
    await writeFile(join(directory, "buildkitd.toml"), "");
    await using log = await open(join(directory, "buildkitd.log"), "a");
    const child = spawn(
      clientProgram("buildkitd"),
      [
        ["--config", join(directory, "buildkitd.toml")],
        ["--root", join(directory, "root")],
        ["--addr", `unix://${join(directory, "buildkitd.sock")}`],
        ["--containerd-worker=true", "--oci-worker=false"],
        ["--containerd-worker-addr", containerd],
        ["--containerd-worker-namespace", namespace],
        ["--containerd-worker-net", "host"],
      ].flat(),
      { stdio: ["ignore", log.fd, log.fd] },
    );
    const buildkit = new TestBuildkit(directory, child);
    try {
      await eventually("buildkitd answers", () => buildkit.#answers());
      return buildkit;
    } catch (error) {
      await buildkit[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Its address for clients. */
  get address(): string {
    return `unix://${join(this.directory, "buildkitd.sock")}`;
  }

  /** The output of buildctl. */
  async buildctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(clientProgram("buildctl"), [
      "--addr",
      this.address,
      ...args,
    ]);
    return stdout;
  }

  /** Builds a Dockerfile; the result includes the output of the steps. */
  async build({ files, output, args = [] }: Build): Promise<string> {
    const context = join(this.directory, `context-${this.#builds++}`);
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(context, name)), { recursive: true });
      await writeFile(join(context, name), content);
    }
    const sources = ["--local", `context=${context}`, "--local", `dockerfile=${context}`];
    const { stderr } = await promisify(execFile)(clientProgram("buildctl"), [
      ...["--addr", this.address, "build", "--progress", "plain"],
      ...["--frontend", "dockerfile.v0", ...sources],
      ...(output === undefined ? [] : ["--output", output]),
      ...args,
    ]);
    return stderr;
  }

  async #answers(): Promise<boolean> {
    if (this.#process.exitCode !== null)
      throw new Error(`buildkitd ended:\n${await readFile(join(this.directory, "buildkitd.log"), "utf8")}`);
    return await this.buildctl("debug", "workers").then(
      (workers) => workers.includes("linux/"),
      () => false,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exited = once(this.#process, "exit");
      this.#process.kill();
      await exited;
    }
    await rm(this.directory, { recursive: true, force: true });
  }
}
