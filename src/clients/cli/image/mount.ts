import { resolve } from "node:path";
import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { forEachName } from "../commands/each-name.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addListOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import { shortId } from "../output/units.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions & ListOptions & { readonly writable?: boolean };

const description = `Mounts an image on an existing directory of berthd's machine, read-only, and prints the directory; without arguments,
lists what is mounted so. With --writable files can be changed, but no image is: what was written is gone when it is unmounted.`;

const examples = `
Examples:
  berth image mount busybox /mnt
  berth image umount /mnt
`;

export function defineMount(command: Command, invocation: Invocation): void {
  const mounting = command
    .command("mount")
    .summary("mount an image on a directory")
    .description(description)
    .argument("[image]", "reference or id")
    .argument("[directory]", "where to mount it")
    .option("-w, --writable", "let files be changed");
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
    .description("Unmounts images that `berth image mount` has mounted.")
    .argument("<directory...>", "where they are mounted");
  addConnectionOptions(unmounting).action((directories: string[]) =>
    unmount(directories, optionsOf<ConnectionOptions>(unmounting), invocation),
  );
}

async function mount(
  image: string | undefined,
  directory: string | undefined,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  if (image === undefined) return await listMounts(options, invocation);
  if (directory === undefined) throw usageError("missing argument: the directory to mount the image on");
  using client = await connect(options, invocation);
  const path = resolve(directory);
  const request = { image, directory: path, writable: options.writable ?? false };
  await client.unary(berthV1.BerthService.mountImage, request).catch((error: unknown) => {
    throw needsBerthd("image mount", error);
  });
  await write(invocation.io.stdout, `${path}\n`);
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
  directories: readonly string[],
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const unmountOne = async (directory: string): Promise<void> => {
    await client
      .unary(berthV1.BerthService.unmountImage, { directory: resolve(directory) })
      .catch((error: unknown) => {
        throw needsBerthd("image umount", error);
      });
  };
  await forEachName(directories, unmountOne, invocation);
}
