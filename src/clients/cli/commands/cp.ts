import type { Command } from "commander";
import { connect } from "../client/connect.ts";
import type { CopiedContainer } from "../copy/container-tar.ts";
import { archiveFromContainer, copyFromContainer } from "../copy/from-container.ts";
import { type Location, parseLocation } from "../copy/location.ts";
import { copyToContainer, unpackInContainer } from "../copy/to-container.ts";
import { exitCode, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { findContainerOf } from "../objects/container-of.ts";
import { addConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { addStreamOptions, type StreamOptions } from "../streams/options.ts";

const description = `Copies a file or directory to or from a running container, with modes and times. Runs tar in
the container, so the image must have it. If the destination is an existing directory, the copy
is placed in it under its own name; SOURCE/. copies the contents of SOURCE. With "-", a tar
archive is read from standard input or written to standard output. Files from a container are
never written outside the destination: devices, and symbolic links that point out of it, are
skipped with a message, and the exit status is then 1. Copied files belong to the current user,
without set-user-id bits. In the container, files belong to root, or to the container's user if
that is not root. A relative path in the container starts at its working directory.`;

const examples = `
Examples:
  berth cp web:/etc/nginx/nginx.conf .
  berth cp ./site/. default/web/server:/usr/share/nginx/html
  berth cp deploy/web:/var/log/nginx ./logs
  berth cp db:/var/lib/data - | zstd > data.tar.zst
  berth cp web:/srv - | berth cp - other:/
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<source>", "CONTAINER:PATH, a path of this machine (with ./ if it has a colon), or -")
    .argument("<destination>", "the same");
  addStreamOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((source: string, destination: string) =>
      copy(parseLocation(source), parseLocation(destination), optionsOf<StreamOptions>(command), invocation),
    );
}

async function copy(
  source: Location,
  destination: Location,
  options: StreamOptions,
  invocation: Invocation,
): Promise<void> {
  const { io, signal } = invocation;
  const remote = remoteOf(source, destination);
  if (destination.kind === "archive" && io.stdout.isTTY === true)
    throw usageError("refusing to write a tar archive to a terminal: redirect the output");
  using client = await connect(options, invocation);
  const { container } = await findContainerOf(client, remote.name);
  const of: CopiedContainer = { client, containerId: container.id, name: remote.name, options, signal };
  const onSkipped = async (name: string, why: string) => {
    invocation.exitCode = exitCode.failure;
    await write(io.stderr, `berth: skipped ${JSON.stringify(name)}: ${why}\n`);
  };
  if (source.kind === "local") await copyToContainer(of, source.path, remote.path, onSkipped);
  else if (source.kind === "archive") await unpackInContainer(of, remote.path, io.stdin);
  else if (destination.kind === "local")
    await copyFromContainer(of, source.path, destination.path, onSkipped);
  else {
    io.brokenPipeStatus = exitCode.brokenPipe;
    await archiveFromContainer(of, source.path, io.stdout);
  }
}

/** The side that is in a container. Throws CliError if neither or both are. */
function remoteOf(source: Location, destination: Location): Extract<Location, { kind: "container" }> {
  if (source.kind === "container" && destination.kind === "container")
    throw usageError(
      "only one side can be in a container: use `berth cp A:PATH - | berth cp - B:PATH` to copy between two",
    );
  const [remote] = [source, destination].filter((side) => side.kind === "container");
  if (remote === undefined) throw usageError("one side must be in a container: CONTAINER:PATH");
  return remote;
}
