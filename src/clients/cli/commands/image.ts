import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { findImage } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { CliError } from "../errors.ts";
import { defineDiff } from "../image/diff.ts";
import { defineHistory } from "../image/history.ts";
import { importArchive } from "../image/import-archive.ts";
import { defineInspect } from "../image/inspect.ts";
import { defineMount } from "../image/mount.ts";
import { definePrune } from "../image/prune.ts";
import { defineUsage } from "../image/usage.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addListOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import type { Column } from "../output/table.ts";
import { formatBytes, shortId } from "../output/units.ts";
import { adviseOnUnknown } from "./advice.ts";
import { forEachName } from "./each-name.ts";
import { needsBerthd } from "./needs-berthd.ts";

type Options = ConnectionOptions & ListOptions & { readonly allPlatforms?: boolean; readonly send?: boolean };

const description = `Imports images from an OCI image layout (a directory or a tar) or from an archive made by
\`docker save\`. berthd reads the file itself; with --send, or from standard input ("-"), the
content is sent to it, for when berthd cannot see this file system.`;

const examples = `
Examples:
  berth image import app.tar
  docker save team/app | berth image import -
`;

export function define(command: Command, invocation: Invocation): void {
  const importing = command
    .command("import")
    .summary("import images from an archive")
    .description(description)
    .argument("<archive>", 'path of an archive or a layout directory, or "-"')
    .option("--all-platforms", "import multi-platform images for all their platforms")
    .option("--send", "send the archive's content to berthd");
  addListOptions(importing);
  addConnectionOptions(importing)
    .addHelpText("after", examples)
    .action((archive: string) => importImages(archive, optionsOf<Options>(importing), invocation));
  adviseOnUnknown(command, "berth image");
  defineInspect(command, invocation);
  defineDiff(command, invocation);
  defineMount(command, invocation);
  defineHistory(command, invocation);
  definePrune(command, invocation);
  defineUsage(command, invocation);
  definePin(command, invocation, true);
  definePin(command, invocation, false);
}

function definePin(command: Command, invocation: Invocation, pinned: boolean): void {
  const pinning = command
    .command(pinned ? "pin" : "unpin")
    .summary(pinned ? "keep kubelets from removing images" : "let kubelets remove images again")
    .description(
      pinned
        ? "Pins images, so that kubelets do not remove them when disk space runs low. They stay pinned when they are pulled again."
        : "Unpins images that were pinned with `berth image pin`, so that kubelets may remove them again. Images pinned by berthd's configuration stay pinned.",
    )
    .argument("<image...>", "references or ids");
  addConnectionOptions(pinning).action((names: string[]) =>
    pinImages(names, pinned, optionsOf<ConnectionOptions>(pinning), invocation),
  );
}

async function pinImages(
  names: readonly string[],
  pinned: boolean,
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const pinOne = async (name: string) => {
    const { image } = await findImage(client, name);
    const request = berthV1.PinImageRequest.fromPartial({ image: image.id, pinned });
    const answer = await client.unary(berthV1.BerthService.pinImage, request).catch((error: unknown) => {
      throw needsBerthd("image pin", error);
    });
    if (answer.pinned !== pinned)
      throw new CliError("FailedPrecondition", `image ${name} is pinned by berthd's configuration`);
  };
  await forEachName(names, pinOne, invocation);
}

async function importImages(archive: string, options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const { send = false, allPlatforms = false } = options;
  const source = { archive, send, allPlatforms, command: "image import" };
  const response = await importArchive(client, source, invocation);
  const toJson = () => toProtobufJson(berthV1.ImportImageResponse, response);
  await printList(
    { rows: response.images, columns: columns(options), idOf: ({ id }) => id, toJson },
    options,
    invocation,
  );
}

function imageNames({ repoTags, repoDigests }: berthV1.ImportedImage): string {
  const names = repoTags.length > 0 ? repoTags : repoDigests;
  return names.length > 0 ? names.join(", ") : "<none>";
}

function columns({ trunc }: Options): Column<berthV1.ImportedImage>[] {
  return [
    { title: "IMAGE", value: imageNames },
    { title: "IMAGE ID", value: ({ id }) => (trunc === false ? id : shortId(id)) },
    { title: "SIZE", value: ({ size }) => formatBytes(size) },
  ];
}
