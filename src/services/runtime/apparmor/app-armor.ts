import { access, constants, readFile } from "node:fs/promises";
import { join } from "node:path";
import { BoundedOutput } from "../oci-runtime/bounded-output.ts";
import { exitCodeOf, runtimeEnvironment, startProgram } from "../oci-runtime/oci-runtime.ts";
import { RuntimeError } from "../runtime-error.ts";
import { defaultProfile } from "./default-profile.ts";

export type AppArmorOptions = {
  /** AppArmor's directory in securityfs. */
  readonly directory?: string;
  /** Candidate paths of apparmor_parser. */
  readonly parsers?: readonly string[];
};

/** The kernel's AppArmor profiles, one of which is berth's own. Only for hosts that have AppArmor. */
export class AppArmor {
  readonly #directory: string;
  readonly #parsers: readonly string[];
  #loading: Promise<void> | undefined;

  constructor({
    directory = "/sys/kernel/security/apparmor",
    parsers = ["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"],
  }: AppArmorOptions = {}) {
    this.#directory = directory;
    this.#parsers = parsers;
  }

  /** Throws RuntimeError FailedPrecondition if the kernel's list cannot be read. */
  async isLoaded(profile: string): Promise<boolean> {
    const list = join(this.#directory, "profiles");
    const text = await readFile(list, "utf8").catch((cause: unknown) => {
      const remedy = "mount securityfs at /sys/kernel/security";
      throw new RuntimeError("FailedPrecondition", `AppArmor: ${list} cannot be read; ${remedy}`, { cause });
    });
    // Each line is `NAME (MODE)`; a name may have spaces.
    return text.split("\n").some((line) => line.replace(/ \([^()]*\)$/, "") === profile);
  }

  /** Whether a profile can be loaded here. */
  async canLoad(): Promise<boolean> {
    return (await this.#parser()) !== undefined;
  }

  /**
   * Loads berth's own profile under that name, unless a profile of that name is loaded. Throws RuntimeError
   * FailedPrecondition on failure.
   */
  async loadDefault(name: string): Promise<void> {
    if (await this.isLoaded(name)) return;
    this.#loading ??= this.#load(name).finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  async #load(name: string): Promise<void> {
    const parser = await this.#parser();
    if (parser === undefined) throw failed(name, "apparmor_parser not found; install AppArmor's tools");
    const child = startProgram(parser, ["--replace", "--skip-cache"], {
      cwd: "/",
      env: runtimeEnvironment,
      stdio: ["reads", "ignore", "writes"],
    });
    const stderr = new BoundedOutput(child.pipe(2), 64 * 1024);
    const stdin = child.pipe(0);
    // A parser that exits without reading reports why on stderr.
    stdin.on("error", () => undefined);
    stdin.end(defaultProfile(name, await ownProfile()));
    const code = await exitCodeOf(child);
    await stderr.ended(200);
    if (code !== 0) throw failed(name, `${parser} failed: ${stderr.text().trim() || `code ${code}`}`);
  }

  async #parser(): Promise<string | undefined> {
    for (const path of this.#parsers) {
      if (
        await access(path, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return path;
    }
    return undefined;
  }
}

/**
 * The daemon's profile, such as "unconfined"; if it cannot be determined, the daemon is assumed to have none.
 */
async function ownProfile(): Promise<string> {
  const text = await readFile("/proc/self/attr/current", "utf8").catch(() => "");
  return /^([\w./-]+)(?: \(\w+\))?\s*\0?$/.exec(text)?.[1] ?? "unconfined";
}

function failed(name: string, reason: string): RuntimeError {
  return new RuntimeError("FailedPrecondition", `AppArmor profile ${name} cannot be loaded: ${reason}`);
}
