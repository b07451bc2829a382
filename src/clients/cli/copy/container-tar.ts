import type { Readable } from "node:stream";
import { BerthError, messageOf } from "../../../ground/errors/index.ts";
import type { Client } from "../../criclient/index.ts";
import type { RemoteCommand } from "../../streamclient/index.ts";
import { CliError } from "../errors.ts";
import { openExec } from "../streams/open.ts";
import type { StreamOptions } from "../streams/options.ts";

/** A running container whose files are copied with its own programs. */
export type CopiedContainer = {
  readonly client: Client;
  readonly containerId: string;
  /** As the user wrote it. */
  readonly name: string;
  readonly options: StreamOptions;
  readonly signal: AbortSignal;
};

/** A tar process in a container. */
export type ContainerTar = {
  readonly command: RemoteCommand;
  /** Rejects with CliError if it fails, with its stderr, or if the container has no tar. */
  readonly done: Promise<void>;
};

const maxMessageChars = 4_000;

/** Runs tar in the container. Its stdout must be read. */
export async function startTar(
  container: CopiedContainer,
  args: readonly string[],
  { stdin }: { readonly stdin: boolean },
): Promise<ContainerTar> {
  const command = await start(container, ["tar", ...args], stdin);
  const done = checkEnd(command, container, "tar");
  done.catch(() => {});
  return { command, done };
}

/** Whether `test` succeeds with `-d` (a directory) or `-e` (anything) at the path. */
export async function testInContainer(
  container: CopiedContainer,
  flag: "-d" | "-e",
  path: string,
): Promise<boolean> {
  await using command = await start(container, ["test", flag, path], false);
  command.stdout?.resume();
  const stderr = textOf(command.stderr);
  const exitCode = await exitCodeOf(command, container, "test");
  if (exitCode > 1) throw failure(container, "test", exitCode, await stderr);
  return exitCode === 0;
}

function start(
  { client, containerId, options, signal }: CopiedContainer,
  args: readonly string[],
  stdin: boolean,
): Promise<RemoteCommand> {
  return openExec({ containerId, args, stdin, tty: false }, { client, options, signal });
}

async function checkEnd(command: RemoteCommand, container: CopiedContainer, program: string): Promise<void> {
  const stderr = textOf(command.stderr);
  const exitCode = await exitCodeOf(command, container, program);
  if (exitCode !== 0) throw failure(container, program, exitCode, await stderr);
}

/** Some runtimes fail to start a missing program; others return an exit code, as a shell does. */
async function exitCodeOf(
  { exitCode }: RemoteCommand,
  { name }: CopiedContainer,
  program: string,
): Promise<number> {
  try {
    return await exitCode;
  } catch (error) {
    if (error instanceof BerthError && saysMissing(messageOf(error), program))
      throw missing(name, program, error);
    throw error;
  }
}

function failure({ name }: CopiedContainer, program: string, exitCode: number, stderr: string): CliError {
  if (exitCode === 127 || (exitCode >= 126 && saysMissing(stderr, program)))
    return missing(name, program, undefined);
  const said = stderr.trim() === "" ? `exit status ${exitCode}` : stderr.trim().slice(0, maxMessageChars);
  return new CliError("FailedPrecondition", `${program} in container ${name}: ${said}`);
}

function saysMissing(message: string, program: string): boolean {
  return message.includes(program) && /not found|no such file|ENOENT/i.test(message);
}

function missing(name: string, program: string, cause: unknown): CliError {
  return new CliError(
    "FailedPrecondition",
    `container ${name} has no ${program}, which cp runs in it to copy files: use an image that has it`,
    { cause },
  );
}

/** The text of the stream, until it ends or breaks. */
async function textOf(stream: Readable | undefined): Promise<string> {
  if (stream === undefined) return "";
  let said = "";
  try {
    for await (const chunk of stream) if (said.length < maxMessageChars) said += String(chunk);
  } catch {
    // A broken connection is reported with the exit code, or its absence.
  }
  return said;
}
