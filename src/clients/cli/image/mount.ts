import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { hasCode } from "../../../ground/errors/index.ts";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { type Client, findImage } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { forEachName } from "../commands/each-name.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addListOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import { shortId } from "../output/units.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions & ListOptions & { readonly writable?: boolean };

const description = `Mounts an image on a directory of berthd's machine, read-only, and prints the
directory: an existing one, or, if none is given, one that berthd creates, and removes when the
image is unmounted. Without arguments, lists such mounts. With --writable files can be changed; the
changes do not affect the image and are lost when it is unmounted.`;

const examples = `
Examples:
  ls "$(berth image mount busybox)"
  berth image umount busybox
  berth image mount --writable busybox /mnt
  berth image umount /mnt
`;

export function defineMount(command: Command, invocation: Invocation): void {
  const mounting = command
    .command("mount")
    .summary("mount an image on a directory")
    .description(description)
    .argument("[image]", "reference or id")
    .argument("[directory]", "where to mount it (default: a new directory)")
    .option("-w, --writable", "allow changes to files");
  addListOptions(mounting);
  addConnectionOptions(mounting)
    .addHelpText("after", examples)
    .action((image?: string, directory?: string) =>
      mount(image, directory, optionsOf<Options>(mounting), invocation),
    );
  defineUnmount(command, invocation);
}

function defineUnmount(command: Command, invocation: Invocation): void {
  const unmounting = command
    .command("umount")
    .alias("unmount")
    .summary("unmount images")
    .description("Unmounts images that `berth image mount` has mounted; an image is unmounted everywhere.")
    .argument("<directory|image...>", "mount points, or references or ids of images");
  addConnectionOptions(unmounting).action((names: string[]) =>
    unmount(names, optionsOf<ConnectionOptions>(unmounting), invocation),
  );
}

async function mount(
  image: string | undefined,
  directory: string | undefined,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  if (image === undefined) return await listMounts(options, invocation);
  using client = await connect(options, invocation);
  const request = {
    image,
    directory: directory === undefined ? "" : resolve(directory),
    writable: options.writable ?? false,
  };
  const mounted = await client.unary(berthV1.BerthService.mountImage, request).catch((error: unknown) => {
    throw needsBerthd("image mount", error);
  });
  await write(invocation.io.stdout, `${mounted.directory}\n`);
}

async function listMounts(options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const response = await client.unary(berthV1.BerthService.listImageMounts, {}).catch((error: unknown) => {
    throw needsBerthd("image mount", error);
  });
  const columns = [
    { title: "DIRECTORY", value: ({ directory }: berthV1.ImageMount) => directory },
    {
      title: "IMAGE ID",
      value: ({ imageId }: berthV1.ImageMount) => (options.trunc === false ? imageId : shortId(imageId)),
    },
    { title: "WRITABLE", value: ({ writable }: berthV1.ImageMount) => (writable ? "yes" : "") },
  ];
  const toJson = () => toProtobufJson(berthV1.ListImageMountsResponse, response);
  const idOf = ({ directory }: berthV1.ImageMount) => directory;
  await printList({ rows: response.mounts, columns, idOf, toJson }, options, invocation);
}

async function unmount(
  names: readonly string[],
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const unmountOne = async (name: string): Promise<void> => {
    for (const directory of await directoriesOf(client, name))
      await client.unary(berthV1.BerthService.unmountImage, { directory });
  };
  await forEachName(names, unmountOne, invocation);
}

/** The directories where an image is mounted, or the directory of this name. */
async function directoriesOf(client: Client, name: string): Promise<readonly string[]> {
  const { mounts } = await client.unary(berthV1.BerthService.listImageMounts, {}).catch((error: unknown) => {
    throw needsBerthd("image umount", error);
  });
  const written = resolve(name);
  // berthd's path has no symbolic links.
  const path = await realpath(written).catch(() => written);
  if (mounts.some(({ directory }) => directory === path)) return [path];
  const id = await idOfImage(client, name);
  const found = mounts.filter(({ imageId }) => imageId === id);
  if (found.length > 0) return found.map(({ directory }) => directory);
  throw new CliError(
    "NotFound",
    `no image is mounted on ${path}, and no image named ${JSON.stringify(name)} is mounted; \`berth image mount\` lists mounted images`,
  );
}

/** An image may be removed while it is mounted; then only its full id is known. */
async function idOfImage(client: Client, name: string): Promise<string> {
  try {
    return (await findImage(client, name)).image.id;
  } catch (error) {
    if (hasCode(error, "NotFound")) return name;
    throw error;
  }
}
