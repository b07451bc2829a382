import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hasCode } from "../../ground/errors/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import { type TarEntry, tarEnd, tarHeader, tarPadding } from "../../parts/tar/index.ts";
import { EngineError } from "../engine/index.ts";

const repository = "berth/pause";

/** Whether it is the sandboxes' own image. It is pinned, so that kubelets do not remove it. */
export function isPauseImage(name: string): boolean {
  return name.startsWith(`docker.io/${repository}:`);
}

/** Go's names of processor architectures, by Node's. */
const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/**
 * The image of sandboxes: one program that pauses, and reaps the orphans of containers in a shared PID
 * namespace. It is built from the program on this machine and loaded into the engine, so that no registry is
 * needed.
 */
export class PauseImage {
  readonly #client: DockerClient;
  readonly #program: string;
  readonly #configured: string;
  /**
   * The image that the engine had when it was last asked. Pods that are created at once share the question:
   * Docker Engine 29 rejects one of two concurrent loads of the same image.
   */
  #found: Promise<string> | undefined;

  /** `configured` is the name of another image; "" for the built-in one. */
  constructor(client: DockerClient, { program, configured }: { program: string; configured: string }) {
    this.#client = client;
    this.#program = program;
    this.#configured = configured;
  }

  /**
   * Returns the name of the image, which the engine has when this resolves. Throws EngineError
   * FailedPrecondition if the program cannot be read, or if a configured image was not pulled.
   */
  async ensure(): Promise<string> {
    this.#found ??= this.#configured === "" ? this.#load() : this.#requireConfigured();
    const asked = this.#found;
    try {
      return await asked;
    } catch (error) {
      if (this.#found === asked) this.forget();
      throw error;
    }
  }

  /** To be called when the engine no longer has the image. */
  forget(): void {
    this.#found = undefined;
  }

  async #load(): Promise<string> {
    const program = await this.#readProgram();
    const name = `${repository}:${createHash("sha256").update(program).digest("hex").slice(0, 12)}`;
    if (!(await this.#has(name))) await this.#client.loadImages(dockerArchive(name, program));
    return name;
  }

  async #requireConfigured(): Promise<string> {
    if (await this.#has(this.#configured)) return this.#configured;
    throw new EngineError(
      "FailedPrecondition",
      `the image of sandboxes, ${this.#configured} (docker.sandbox_image), does not exist: \`docker pull\` it, or leave the key empty`,
    );
  }

  async #has(name: string): Promise<boolean> {
    try {
      await this.#client.image(name);
      return true;
    } catch (error) {
      if (hasCode(error, "NotFound")) return false;
      throw error;
    }
  }

  async #readProgram(): Promise<Buffer> {
    try {
      return await readFile(this.#program);
    } catch (cause) {
      throw new EngineError(
        "FailedPrecondition",
        `${this.#program} (sandbox.pause_program) cannot be read to build the sandbox image: install catatonit, or set docker.sandbox_image`,
        { cause },
      );
    }
  }
}

/** An archive for `docker load`: one layer, its configuration, and a manifest. */
function dockerArchive(name: string, program: Buffer): Buffer {
  const layer = archive([["pause", program, 0o755]]);
  const config = Buffer.from(
    JSON.stringify({
      architecture: architectures[process.arch] ?? process.arch,
      os: "linux",
      config: { Entrypoint: ["/pause", "-P"], WorkingDir: "/" },
      rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
      history: [{ created_by: "berth" }],
    }),
  );
  const configName = `${digestOf(config).slice("sha256:".length)}.json`;
  const manifest = [{ Config: configName, RepoTags: [name], Layers: ["layer.tar"] }];
  return archive([
    ["layer.tar", layer, 0o644],
    [configName, config, 0o644],
    ["manifest.json", Buffer.from(JSON.stringify(manifest)), 0o644],
  ]);
}

function archive(files: readonly (readonly [name: string, content: Buffer, mode: number])[]): Buffer {
  const parts = files.flatMap(([name, content, mode]) => [
    tarHeader(entry(name, content, mode)),
    content,
    tarPadding(content.length),
  ]);
  return Buffer.concat([...parts, tarEnd]);
}

function entry(name: string, content: Buffer, mode: number): TarEntry {
  return {
    name,
    target: "",
    type: "file",
    sizeBytes: content.length,
    mode,
    uid: 0,
    gid: 0,
    mtime: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
    xattrs: new Map(),
  };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
