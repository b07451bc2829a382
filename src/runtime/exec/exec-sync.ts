import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { readFile, unlink, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { makePipe } from "../../linux/index.ts";
import type { CgroupDriver } from "../cgroups/cgroups-path.ts";
import type { Handler } from "../handlers/handler.ts";
import { BoundedOutput } from "../oci-runtime/bounded-output.ts";
import { Deadline } from "../oci-runtime/deadline.ts";
import { exitCodeOf, runtimeEnvironment } from "../oci-runtime/oci-runtime.ts";
import { lastRuntimeError } from "../oci-runtime/runtime-log.ts";
import { RuntimeError } from "../runtime-error.ts";
import type { OciProcess } from "../spec/types.ts";
import type { ExecRequest, ExecResult } from "../tasks.ts";
import { commandFailure } from "./command-failure.ts";
import { type ExecFiles, execCommand } from "./exec-command.ts";
import { killExec } from "./kill-exec.ts";

/** Of each stream; as containerd's and CRI-O's. */
const outputLimitBytes = 16 * 1024 * 1024;

export type ExecContext = {
  readonly containerId: string;
  readonly handler: Handler;
  readonly conmonPath: string;
  readonly cgroupDriver: CgroupDriver;
  /** For the files of this exec. */
  readonly bundleDir: string;
  /** The container's own process, of which all is taken but its arguments. */
  readonly process: OciProcess;
  /** See TaskRecord. */
  readonly cgroupDir: string | undefined;
  /** How long output is awaited after the command's end, when something it left running holds its streams open. */
  readonly drainMs: number;
};

/** Runs a command in a container and collects its output. See Task.execSync. */
export async function execSync(
  context: ExecContext,
  request: ExecRequest,
  signal?: AbortSignal,
): Promise<ExecResult> {
  using deadline = new Deadline(request.timeoutMs, signal);
  deadline.check("exec");
  const files = execFiles(context.bundleDir);
  try {
    const spec: OciProcess = { ...context.process, args: request.args, terminal: false };
    await writeFile(files.process, JSON.stringify(spec), { mode: 0o600 });
    return await run(context, files, deadline);
  } finally {
    await Promise.all(Object.values(files).map((path) => unlink(path).catch(() => undefined)));
  }
}

function execFiles(bundleDir: string): ExecFiles {
  const name = join(bundleDir, `exec-${crypto.randomUUID()}`);
  return { process: `${name}.json`, pid: `${name}.pid`, log: `${name}.log` };
}

async function run(context: ExecContext, files: ExecFiles, deadline: Deadline): Promise<ExecResult> {
  const { handler, bundleDir, drainMs } = context;
  const { path, args } = execCommand(context, files);
  const { child, stdout, stderr } = spawnWithPipes(path, args, bundleDir);
  let killing: Promise<void> | undefined;
  using _kill = deadline.onAbort(() => {
    killing = pidIn(files.pid).then((pid) => killExec(child, pid, context.cgroupDir));
  });
  const exitCode = await exitCodeOf(child, handler);
  await Promise.all([stdout.ended(drainMs), stderr.ended(drainMs)]);
  await killing;
  deadline.check("exec");
  if ((await pidIn(files.pid)) !== undefined) {
    return { exitCode, stdout: stdout.bytes(), stderr: stderr.bytes() };
  }
  const message = (await lastRuntimeError(files.log)) ?? stderr.text().trim();
  const failure = commandFailure(message);
  if (failure === undefined)
    throw new RuntimeError(
      "Internal",
      `${handler.name} exec: ${message === "" ? `failed with code ${exitCode}` : message}`,
    );
  return { exitCode: failure, stdout: new Uint8Array(), stderr: Buffer.from(`${message}\n`) };
}

type Piped = { readonly child: ChildProcess; readonly stdout: BoundedOutput; readonly stderr: BoundedOutput };

/**
 * All three streams are pipes of our own: OCI runtimes give them to the command's user, which would make him the owner
 * of the host's /dev/null. Nothing is ever written to its stdin.
 */
function spawnWithPipes(path: string, args: readonly string[], cwd: string): Piped {
  const [stdin, out, err] = [makePipe(), makePipe(), makePipe()];
  closeSync(stdin.writeFd);
  try {
    const child = spawn(path, args, {
      cwd,
      env: runtimeEnvironment,
      stdio: [stdin.readFd, out.writeFd, err.writeFd],
    });
    return { child, stdout: reader(out.readFd), stderr: reader(err.readFd) };
  } finally {
    for (const fd of [stdin.readFd, out.writeFd, err.writeFd]) closeSync(fd);
  }
}

function reader(fd: number): BoundedOutput {
  return new BoundedOutput(new Socket({ fd, readable: true, writable: false }), outputLimitBytes);
}

/** Written by the OCI runtime once the process is in the container; undefined before. */
async function pidIn(path: string): Promise<number | undefined> {
  const pid = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
  return pid > 0 ? pid : undefined;
}
