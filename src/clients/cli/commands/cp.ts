import type { Command } from "commander";
import { findContainer } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import type { CopiedContainer } from "../copy/container-tar.ts";
import { archiveFromContainer, copyFromContainer } from "../copy/from-container.ts";
import { type Location, parseLocation } from "../copy/location.ts";
import { copyToContainer, unpackInContainer } from "../copy/to-container.ts";
import { exitCode, usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { addStreamOptions, type StreamOptions } from "../streams/options.ts";

const description = `Copies a file or directory to or from a running container, with modes and times. It runs tar in the container, which
must have it. A directory that is there gets the copy under its own name; SOURCE/. copies what is in SOURCE. With "-" a
tar archive is read from standard input or written to standard output. What comes from a container never gets
outside of the destination: symbolic links that lead out of it and devices are left out, which is told and makes the
exit status 1; files belong to us, and set-user-id bits are dropped. In the container files belong to root, or to its
user when that is another. A path in the container that does not begin with "/" begins at its working directory.`;

const examples = `
Examples:
  berth cp web:/etc/nginx/nginx.conf .
  berth cp ./site/. default/web/server:/usr/share/nginx/html
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
    throw usageError("a tar archive is not for a terminal: send our output elsewhere");
  using client = await connect(options, invocation);
  const { container } = await findContainer(client, remote.name);
  const of: CopiedContainer = { client, containerId: container.id, name: remote.name, options, signal };
  const onSkipped = async (name: string, why: string) => {
    invocation.exitCode = exitCode.failure;
    await write(io.stderr, `berth: left out ${JSON.stringify(name)}: ${why}\n`);
  };
  if (source.kind === "local") await copyToContainer(of, source.path, remote.path, onSkipped);
  else if (source.kind === "archive") await unpackInContainer(of, remote.path, io.stdin);
  else if (destination.kind === "local")
    await copyFromContainer(of, source.path, destination.path, onSkipped);
  else await archiveFromContainer(of, source.path, io.stdout);
}

/** The side that is in a container. Throws CliError when none is, or both are. */
function remoteOf(source: Location, destination: Location): Extract<Location, { kind: "container" }> {
  if (source.kind === "container" && destination.kind === "container")
    throw usageError(
      "only one side can be in a container: `berth cp A:PATH - | berth cp - B:PATH` copies between two",
    );
  const [remote] = [source, destination].filter((side) => side.kind === "container");
  if (remote === undefined) throw usageError("one side must be in a container: CONTAINER:PATH");
  return remote;
}
