import type { Readable } from "node:stream";
import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { usageError } from "../errors.ts";
import { archiveError } from "../image/import-archive.ts";
import {
  addNewImageOptions,
  changesHelp,
  type NewImageOptions,
  newImage,
} from "../image/new-image-options.ts";
import type { Invocation } from "../invocation.ts";
import { openArchive } from "../local-file.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { needsBerthd } from "./needs-berthd.ts";

type Options = ConnectionOptions & NewImageOptions;

const description = `Creates an image with one layer from a tar archive of files, such as \`berth
export\` writes, and prints its id. The archive may be compressed with gzip or zstd. \`berth load\`
reads archives of images.`;

const examples = `
Examples:
  berth import rootfs.tar team/base:1
  berth export web | berth import -c 'CMD ["/bin/sh"]' - team/web:flat
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<file>", 'path of the archive, or "-" for stdin')
    .argument("[name]", "name of the image; without one it has only an id");
  addNewImageOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", `${examples}${changesHelp}`)
    .action((file: string, name?: string) =>
      importFiles(file, name, optionsOf<Options>(command), invocation),
    );
}

async function importFiles(
  file: string,
  name: string | undefined,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  const { stdin, stdout } = invocation.io;
  if (file === "-" && stdin.isTTY === true)
    throw usageError("an archive cannot be typed: redirect the input, or name a file");
  const source = file === "-" ? stdin : await openArchive(file);
  using client = await connect(options, invocation);
  const { id } = await client
    .clientStream(berthV1.BerthService.importFiles, requests(newImage(name, options), source))
    .catch((error: unknown) => {
      throw archiveError(file, needsBerthd("import", error));
    });
  await write(stdout, `${id}\n`);
}

async function* requests(
  image: berthV1.NewImage,
  source: Readable,
): AsyncGenerator<berthV1.ImportFilesRequest> {
  yield { image, chunk: undefined };
  for await (const chunk of source) yield { image: undefined, chunk: Buffer.from(chunk) };
}
