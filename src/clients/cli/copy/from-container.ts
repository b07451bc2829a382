import { realpath, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { Readable } from "node:stream";
import { ignoreMissing } from "../../../ground/fs/index.ts";
import { CliError, exitCode } from "../errors.ts";
import type { OutputStream } from "../invocation.ts";
import { write } from "../output/write.ts";
import { ConfinedDirectory, type Names } from "./confined-directory.ts";
import { type CopiedContainer, startTar } from "./container-tar.ts";
import { parseSource, type Source } from "./location.ts";
import { type Unpacking, unpack } from "./unpack.ts";

/** Copies a file or directory from a container to a local path. Throws CliError, and errno errors. */
export async function copyFromContainer(
  container: CopiedContainer,
  sourcePath: string,
  destination: string,
  onSkipped: Unpacking["onSkipped"],
): Promise<void> {
  const source = parseSource(sourcePath);
  const place = await placeFor(source, destination);
  await using directory = await ConfinedDirectory.open(place.directory);
  const { command, done } = await startTar(container, packArguments(source), { stdin: false });
  await using _command = command;
  const archive = checked(command.stdout ?? Readable.from([]), done);
  await unpack(archive, {
    directory,
    archiveRoot: source.name,
    target: place.target,
    onSkipped,
  });
}

/** Writes the archive itself. */
export async function archiveFromContainer(
  container: CopiedContainer,
  sourcePath: string,
  output: OutputStream,
): Promise<void> {
  const { command, done } = await startTar(container, packArguments(parseSource(sourcePath)), {
    stdin: false,
  });
  await using _command = command;
  for await (const chunk of checked(command.stdout ?? Readable.from([]), done)) await write(output, chunk);
}

/**
 * The arguments of tar, with which the names in the archive begin with the source's name. The path is an
 * option's value, so that a path that begins with "-" is not taken for an option.
 */
function packArguments({ directory, name }: Source): readonly string[] {
  return ["-cf", "-", "-C", directory, name === undefined ? "." : `./${name}`];
}

/** The bytes from tar. If tar fails, throws its error, which says more than that the archive is truncated. */
async function* checked(archive: Readable, done: Promise<void>): AsyncGenerator<Buffer> {
  try {
    yield* archive;
  } catch (error) {
    await done;
    throw error;
  }
  await done;
}

/** An existing directory and the path below it where the copy goes, by the rules of `cp`. */
async function placeFor(
  { name }: Source,
  destination: string,
): Promise<{ readonly directory: string; readonly target: Names }> {
  const there = await stat(destination).catch(ignoreMissing);
  if (there?.isDirectory()) return { directory: destination, target: name === undefined ? [] : [name] };
  if (there === undefined) {
    if (destination.endsWith("/"))
      throw new CliError("NotFound", `directory ${destination} not found on this machine`, {
        exitCode: exitCode.failure,
      });
    return { directory: dirname(destination), target: [basename(destination)] };
  }
  if (!there.isFile())
    throw new CliError(
      "FailedPrecondition",
      `${destination} is not a regular file; use "-" to write a tar archive to standard output`,
    );
  const path = await realpath(destination);
  return { directory: dirname(path), target: [basename(path)] };
}
