import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { exists } from "../../fs/index.ts";
import { LinuxError } from "../linux-error.ts";
import { type Subprocess, spawn } from "../processes/spawn.ts";
import { type IdMapping, type IdMappings, mapFile } from "./id-mappings.ts";
import { namespaceFile } from "./namespace-calls.ts";
import type { PinnedNamespace, ThreadNamespace } from "./pod-namespaces.ts";

const programs = ["/usr/bin/unshare", "/bin/unshare"];

/**
 * A process in new namespaces, with a user namespace that owns the others. Only a single-threaded process can
 * create a user namespace, and ours is not; util-linux's `unshare` is. It waits until it is disposed: to keep
 * the namespaces, pin or open them before.
 */
export class NamespaceHolder implements AsyncDisposable {
  readonly pid: number;
  readonly #process: Subprocess;

  private constructor(process: Subprocess) {
    this.pid = process.pid;
    this.#process = process;
  }

  /**
   * Resolves when the namespaces exist and the ids are mapped. Throws LinuxError: NotFound without `unshare`,
   * otherwise its or the kernel's error.
   */
  static async start(mappings: IdMappings, kinds: readonly ThreadNamespace[]): Promise<NamespaceHolder> {
    const unshare = await findProgram();
    const options = ["--user", ...kinds.map((kind) => `--${kind}`)];
    const child = spawn(unshare, [...options, "--", "cat"], {
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      stdio: ["reads", "writes", "writes"],
    });
    const holder = new NamespaceHolder(child);
    try {
      await unshared(child);
      await writeMap(child.pid, "uid_map", mappings.uids);
      await writeMap(child.pid, "gid_map", mappings.gids);
      return holder;
    } catch (error) {
      await holder[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The file of one of its namespaces. */
  path(kind: PinnedNamespace): string {
    return namespaceFile(this.pid, kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.end !== undefined) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    for (const pipe of this.#process.stdio) pipe?.destroy();
  }
}

async function findProgram(): Promise<string> {
  for (const program of programs) {
    const found = await exists(program);
    if (found) return program;
  }
  throw new LinuxError("exec", "ENOENT", "unshare (of util-linux), which creates user namespaces");
}

/** When `cat` echoes the input, `unshare` has done its work. */
async function unshared(child: Subprocess): Promise<void> {
  const complaint = text(child.pipe(2)).catch(() => "");
  const stdin = child.pipe(0);
  // It may have ended before it read; its error message says more.
  stdin.on("error", () => undefined);
  const answered = once(child.pipe(1), "data").then(() => true);
  const ended = once(child, "exit").then(() => false);
  stdin.write("\n");
  if (await Promise.race([answered, ended])) return;
  throw new LinuxError("unshare", (await complaint).trim() || "EIO", "user namespace", {
    code: "FailedPrecondition",
  });
}

async function writeMap(pid: number, name: "uid_map" | "gid_map", mappings: readonly IdMapping[]) {
  const map = mapFile(mappings);
  await writeFile(`/proc/${pid}/${name}`, map).catch((cause: NodeJS.ErrnoException) => {
    const subject = `${name} ${JSON.stringify(map)} of a user namespace`;
    throw new LinuxError("write", cause.code ?? "EIO", subject, { code: "InvalidArgument", cause });
  });
}
