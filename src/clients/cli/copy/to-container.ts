import { realpath, stat } from "node:fs/promises";
import type { Writable } from "node:stream";
import { CliError } from "../errors.ts";
import { unreadable } from "../local-file.ts";
import { write } from "../output/write.ts";
import { type CopiedContainer, startTar, testInContainer } from "./container-tar.ts";
import { parseSource } from "./location.ts";
import { type Packing, pack } from "./pack.ts";

/** Copies a local file or directory into a container. Throws CliError, and errno errors. */
export async function copyToContainer(
  container: CopiedContainer,
  source: string,
  destination: string,
  onSkipped: (path: string, why: string) => Promise<void>,
): Promise<void> {
  const { directory, packing } = await planFor(container, source, destination);
  await unpackInContainer(container, directory, pack(packing, onSkipped));
}

/** Unpacks an archive in a directory of the container. */
export async function unpackInContainer(
  container: CopiedContainer,
  directory: string,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { command, done } = await startTar(container, ["-xpf", "-", "-C", directory], { stdin: true });
  await using _command = command;
  command.stdout?.resume();
  // If tar gives up, it does not read the rest.
  await Promise.race([done, send(archive, command.stdin).then(() => done)]);
}

/**
 * Sends the archive. Fails only if reading the archive fails: if tar stops reading, it reports the reason
 * itself.
 */
async function send(archive: AsyncIterable<Uint8Array>, to: Writable | undefined): Promise<void> {
  to?.on("error", () => {});
  for await (const chunk of archive) {
    if (to === undefined || to.destroyed) return;
    await write(to, chunk);
  }
  to?.end();
}

/** The directory in the container in which to unpack, and the name there, by the rules of `cp`. */
async function planFor(
  container: CopiedContainer,
  source: string,
  destination: string,
): Promise<{ readonly directory: string; readonly packing: Packing }> {
  const path = await realpath(source).catch((error: unknown) => {
    throw unreadable(source, error);
  });
  const { name } = parseSource(source);
  const isDirectory = (await stat(path)).isDirectory();
  if (await testInContainer(container, "-d", destination))
    return { directory: destination, packing: { path, name } };
  const target = parseSource(destination);
  if (target.name === undefined || (destination.endsWith("/") && !isDirectory))
    throw noDirectory(container, destination);
  if (isDirectory && (await testInContainer(container, "-e", destination)))
    throw noDirectory(container, destination);
  return { directory: target.directory, packing: { path, name: target.name } };
}

function noDirectory({ name }: CopiedContainer, path: string): CliError {
  return new CliError("FailedPrecondition", `${path} is not a directory in container ${name}`);
}
