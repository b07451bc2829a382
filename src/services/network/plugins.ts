import type { ErrorCode } from "../../ground/errors/index.ts";
import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { findExecutable, toolPath, unusableProgram } from "./executables.ts";
import { NetworkError } from "./network-error.ts";
import { type ProgramOutput, runProgram } from "./program-process.ts";

export type CniCommand = "ADD" | "DEL" | "STATUS" | "GC";

/** The attachment parameters that ADD and DEL get (section 2, "Parameters"). */
export type AttachmentParameters = {
  readonly containerId: string;
  readonly ifName: string;
  /** Empty if the namespace no longer exists. */
  readonly netnsPath: string;
  /** CNI_ARGS: pairs joined by "=" and ";". */
  readonly args: string;
};

type PluginCall = {
  readonly type: string;
  readonly command: CniCommand;
  /** The request configuration; see {@link "./request-config.ts"}. */
  readonly request: JsonObject;
  readonly attachment?: AttachmentParameters;
};

export type PluginsOptions = {
  /** Directories searched for binaries, in this order. */
  readonly binDirs: readonly string[];
  /** For one run of one plugin. */
  readonly pluginTimeoutMs: number;
};

/** The codes of section 5, "Error", that mean "try again later". */
const unavailableCodes: ReadonlySet<unknown> = new Set([11, 50, 51]);

/** Runs plugins with the execution protocol (CNI specification 1.1.0, section 2). */
export class Plugins {
  readonly #binDirs: readonly string[];
  readonly #timeoutMs: number;

  constructor({ binDirs, pluginTimeoutMs }: PluginsOptions) {
    this.#binDirs = binDirs;
    this.#timeoutMs = pluginTimeoutMs;
  }

  /**
   * Runs one command and returns what the plugin printed. Throws NetworkError: FailedPrecondition (no binary
   * that can be run), Unavailable or Internal with the plugin's own message, DeadlineExceeded,
   * ResourceExhausted (it could not be started); and the signal's reason.
   */
  async run(call: PluginCall, signal?: AbortSignal): Promise<string> {
    const path = await this.find(call.type);
    const command = {
      path,
      environment: this.#environment(call),
      input: JSON.stringify(call.request),
      timeoutMs: this.#timeoutMs,
    };
    const output = await runProgram(command, signal);
    if (!output.succeeded) throw pluginError(call, output);
    return output.stdout;
  }

  /**
   * The path of a plugin's binary. Throws NetworkError FailedPrecondition if there is none that can be run.
   */
  async find(type: string): Promise<string> {
    const path = await findExecutable(type, this.#binDirs);
    if (path !== undefined) return path;
    const unusable = await unusableProgram(type, this.#binDirs);
    const why =
      unusable === undefined
        ? `is not installed: not found in ${this.#binDirs.join(", ")}`
        : `cannot be run: ${unusable}; make it executable, or install it again`;
    throw new NetworkError("FailedPrecondition", `the CNI plugin ${type} ${why}`);
  }

  /**
   * Plugins call tools such as iptables, hence the PATH; they get nothing else of the daemon's environment.
   */
  #environment({ command, attachment }: PluginCall): Readonly<Record<string, string>> {
    return {
      PATH: toolPath(),
      CNI_COMMAND: command,
      CNI_PATH: this.#binDirs.join(":"),
      ...(attachment && {
        CNI_CONTAINERID: attachment.containerId,
        CNI_IFNAME: attachment.ifName,
        CNI_NETNS: attachment.netnsPath,
        CNI_ARGS: attachment.args,
      }),
    };
  }
}

/** The start of a plugin's output, for use in messages. */
export function quote(output: string): string {
  return output.length > 200 ? `${JSON.stringify(output.slice(0, 200))}...` : JSON.stringify(output);
}

/** A plugin that fails prints an object with `code`, `msg` and `details`. */
function pluginError({ type, command }: PluginCall, { end, stdout, stderr }: ProgramOutput): NetworkError {
  const step = `the CNI plugin ${type} failed at ${command}`;
  const error = parseError(stdout);
  if (error === undefined) {
    const printed = `stdout: ${quote(stdout)}, stderr: ${quote(stderr)}`;
    return new NetworkError("Internal", `${step}${end}; ${printed}`);
  }
  const details = error.details ? `: ${error.details}` : "";
  const code = codeOfPlugin(error.code);
  return new NetworkError(code, `${step}: ${error.msg}${details} (CNI error code ${error.code})`);
}

/** Code 1 of section 5: the plugin does not support the version. */
function codeOfPlugin(code: unknown): ErrorCode {
  if (code === 1) return "FailedPrecondition";
  return unavailableCodes.has(code) ? "Unavailable" : "Internal";
}

function parseError(stdout: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(stdout);
    return isRecord(value) && typeof value.msg === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
