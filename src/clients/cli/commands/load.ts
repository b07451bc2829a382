import type { Command } from "commander";
import type { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { usageError } from "../errors.ts";
import { importArchive } from "../image/import-archive.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions & {
  readonly allPlatforms?: boolean;
  readonly input?: string;
  readonly quiet?: boolean;
};

const description = `Loads images from an archive that \`berth save\`, \`docker save\`, nerdctl, podman, skopeo or \`ctr images export\` wrote, or from
the directory of an OCI image layout. The archive may be compressed with gzip or zstd. Of a multi-platform
image, the one for this machine is loaded, unless --all-platforms is given. \`berth image import\` does the same.`;

const examples = `
Examples:
  berth load -i app.tar.zst
  docker save team/app | berth load
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .option("--all-platforms", "load multi-platform images for all their platforms")
    .option("-i, --input <archive>", "read from this file or directory rather than from stdin")
    .option("-q, --quiet", "print ids only");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action(() => load(optionsOf<Options>(command), invocation));
}

async function load(
  { allPlatforms = false, input = "-", quiet = false, ...options }: Options,
  invocation: Invocation,
): Promise<void> {
  const { io } = invocation;
  if (input === "-" && io.stdin.isTTY === true)
    throw usageError("cannot read an archive from a terminal: redirect the input, or name a file with -i");
  using client = await connect(options, invocation);
  const { images } = await importArchive(
    client,
    { archive: input, send: false, allPlatforms, command: "load" },
    invocation,
  );
  for (const image of images) {
    if (quiet) await write(io.stdout, `${image.id}\n`);
    else await write(io.stdout, linesOf(image));
    if (isUnnamed(image))
      await write(
        io.stderr,
        `berth: the archive has no name for image ${image.id}: \`berth tag ID NAME\` gives it one\n`,
      );
  }
}

/** The same text as docker prints. */
function linesOf({ id, repoTags, repoDigests }: berthV1.ImportedImage): string {
  const names = repoTags.length > 0 ? repoTags : repoDigests;
  return names.length === 0
    ? `Loaded image ID: ${id}\n`
    : names.map((name) => `Loaded image: ${name}\n`).join("");
}

function isUnnamed({ repoTags, repoDigests }: berthV1.ImportedImage): boolean {
  return repoTags.length + repoDigests.length === 0;
}
