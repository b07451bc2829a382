import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip, createZstdCompress } from "node:zlib";
import { type Command, Option } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { CliError, exitCode, usageError } from "../errors.ts";
import { writeWhole } from "../image/archive-file.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { needsBerthd } from "./needs-berthd.ts";

type Options = ConnectionOptions & {
  readonly allPlatforms?: boolean;
  readonly compression?: keyof typeof compressors;
  readonly format?: keyof typeof formats;
  readonly output?: string;
  readonly platform?: string;
};

const description = `Writes images into an archive, which \`berth load\` and other tools read: a tar
of an OCI image layout with docker's manifest.json in it. Of a multi-platform image, the one for
this machine is saved, unless --platform or --all-platforms is given. Layers are saved unchanged,
byte by byte. --compression, not the file's name, decides whether the archive is compressed, as with
docker, podman and nerdctl. The file appears only once it is complete.`;

const examples = `
Examples:
  berth save -o app.tar registry.example/team/app:1.2 busybox
  berth save busybox | ssh other berth load
  berth save --all-platforms --compression zstd -o app.tar.zst registry.example/team/app:1.2
`;

const formats = {
  "oci-archive": berthV1.ArchiveFormat.ARCHIVE_FORMAT_OCI_ARCHIVE,
  "docker-archive": berthV1.ArchiveFormat.ARCHIVE_FORMAT_DOCKER_ARCHIVE,
} as const;

const compressors = { gzip: createGzip, zstd: createZstdCompress } as const;

const suffixes: Readonly<Record<string, keyof typeof compressors>> = {
  ".gz": "gzip",
  ".tgz": "gzip",
  ".zst": "zstd",
  ".zstd": "zstd",
};

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<image...>", "references or ids of images")
    .option("--all-platforms", "save multi-platform images for all their platforms")
    .addOption(new Option("--compression <method>", "compress the archive").choices(Object.keys(compressors)))
    .addOption(
      new Option(
        "--format <format>",
        "oci-archive (default); docker-archive has no OCI image layout",
      ).choices(Object.keys(formats)),
    )
    .option("-o, --output <file>", "write to this file rather than to stdout")
    .option("--platform <platform>", "save images for this platform, for example linux/arm64");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((images: string[]) => save(images, optionsOf<Options>(command), invocation));
}

async function save(images: string[], options: Options, invocation: Invocation): Promise<void> {
  const { allPlatforms = false, platform = "", format = "oci-archive", output = "-" } = options;
  const { stdout } = invocation.io;
  if (allPlatforms && platform !== "") throw usageError("--all-platforms and --platform cannot be combined");
  if (allPlatforms && format === "docker-archive")
    throw usageError("a docker-archive holds one platform of an image: leave out --all-platforms");
  if (output === "-" && stdout.isTTY === true)
    throw usageError(
      "refusing to write an archive to a terminal: redirect the output, or name a file with -o",
    );
  const request = { images, platform, allPlatforms, format: formats[format] };
  await write(invocation.io.stderr, misnamed(output, options.compression));
  using client = await connect(options, invocation);
  const send = async (target: Writable, end: boolean): Promise<void> => {
    const compressor = options.compression === undefined ? [] : [compressors[options.compression]()];
    const source = archiveBytes(client, request, invocation);
    await pipeline([source, ...compressor, target] as unknown as readonly [Readable, Writable], { end });
  };
  invocation.io.brokenPipeStatus = exitCode.brokenPipe;
  // No file is created if the daemon refuses.
  if (output === "-") await send(stdout, false);
  else await writeWhole(output, (target) => send(target, true));
}

/** The bytes of the archive, after its description. */
async function* archiveBytes(
  client: Client,
  request: berthV1.SaveImagesRequest,
  { io }: Invocation,
): AsyncGenerator<Buffer> {
  let described = false;
  try {
    const answers = client.serverStream(berthV1.BerthService.saveImages, request);
    for await (const { archive, chunk } of answers) {
      if (archive !== undefined) {
        described = true;
        await write(io.stderr, unnamed(archive.images));
      }
      if (chunk !== undefined) yield chunk;
    }
  } catch (error) {
    throw needsBerthd("save", error);
  }
  if (!described) throw new CliError("Internal", "saving: the daemon ended the stream without an archive");
}

/** A note on a file name from which tar, or the file's recipient, would expect another compression. */
function misnamed(file: string, compression: Options["compression"]): string {
  const expected = Object.entries(suffixes).find(([suffix]) => file.endsWith(suffix))?.[1];
  if (expected === undefined || expected === compression) return "";
  const actual = compression === undefined ? "is not compressed" : `is compressed with ${compression}`;
  return `berth: ${file} ${actual}, despite its name: use --compression ${expected} for that\n`;
}

/** A note on each image without a name, which has to be named after loading the archive. */
function unnamed(images: readonly berthV1.SavedImage[]): string {
  return images
    .filter(({ name }) => name === "")
    .map(({ image }) => `berth: ${image} is an id: the archive has no name for this image\n`)
    .join("");
}
