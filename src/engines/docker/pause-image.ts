import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hasCode } from "../../ground/errors/index.ts";
import type { DockerClient } from "../../parts/dockerapi/index.ts";
import { type TarEntry, tarEnd, tarHeader, tarPadding } from "../../parts/tar/index.ts";
import { EngineError } from "../engine/index.ts";

const repository = "berth/pause";

/** Kubelets leave it alone: it is no pod's. */
export function isPauseImage(name: string): boolean {
  return name.startsWith(`docker.io/${repository}:`);
}

/** Go's names for Node's processors. */
const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

/**
 * The image of sandboxes: one program that waits, and reaps what containers of a shared PID namespace leave
 * behind. It is made of the program on this machine and handed to the engine, so that no registry is needed.
 */
export class PauseImage {
  readonly #client: DockerClient;
  readonly #program: string;
  readonly #configured: string;
  /**
   * The one that the engine had when it was last asked. Pods that are made at once ask together: Docker
   * Engine 29 refuses one of two loads of the same image.
   */
  #found: Promise<string> | undefined;

  /** `configured` is another image's name, "" for our own. */
  constructor(client: DockerClient, { program, configured }: { program: string; configured: string }) {
    this.#client = client;
    this.#program = program;
    this.#configured = configured;
  }

  /**
   * The name of the image, which the engine has when this resolves. Throws EngineError FailedPrecondition for
   * a program that cannot be read, or an image that is configured and was not pulled.
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

  /** The engine does not have it any more. */
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

/** What `docker load` takes: one layer, its configuration, and a manifest. */
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
