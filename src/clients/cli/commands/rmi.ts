import type { Command } from "commander";
import { hasCode } from "../../../ground/errors/index.ts";
import {
  berthV1,
  ImageServiceService,
  ListContainersRequest,
  RemoveImageRequest,
  RuntimeServiceService,
} from "../../../ground/protocol/index.ts";
import { type Client, findImage, imageStatus } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { CliError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { shortId } from "../output/units.ts";
import { forEachName } from "./each-name.ts";

type Options = ConnectionOptions & { readonly force?: boolean };

const description = `Removes tags from images. An image itself is removed with its last tag, or when it is given by
its id. An image that a container uses, or the id of an image with several tags, is removed
only with --force; containers keep their file systems.`;

const examples = `
Examples:
  berth rmi busybox
  berth rmi registry.example/team/app:1.2 7c91e8
  berth rmi -f $(berth images -q)
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<image...>", "references or ids")
    .option("-f, --force", "remove images that containers use, and images with several tags");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((names: string[]) => remove(names, optionsOf<Options>(command), invocation));
}

async function remove(
  names: readonly string[],
  { force = false, ...options }: Options,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  await forEachName(names, (name) => removeOne(client, name, force), invocation);
}

async function removeOne(client: Client, name: string, force: boolean): Promise<void> {
  const named = await imageStatus(client, name);
  const { image } = named ?? (await findImage(client, name));
  try {
    const request = { image: named === undefined ? image.id : name, force };
    await client.unary(berthV1.BerthService.removeImage, request);
  } catch (error) {
    if (!hasCode(error, "Unimplemented")) throw error;
    if (!force) await refuseMore(client, image);
    const request = RemoveImageRequest.fromPartial({ image: { image: image.id } });
    await client.unary(ImageServiceService.removeImage, request);
  }
}

/**
 * For a runtime that has only CRI's RemoveImage, which removes an image with all its names, even if it is in
 * use. Throws CliError FailedPrecondition.
 */
async function refuseMore(
  client: Client,
  { id, repoTags }: { readonly id: string; readonly repoTags: readonly string[] },
): Promise<void> {
  if (repoTags.length > 1)
    throw new CliError(
      "FailedPrecondition",
      `this runtime removes an image only with all its tags (${repoTags.join(", ")}); use --force to do that`,
    );
  const { containers } = await client.unary(
    RuntimeServiceService.listContainers,
    ListContainersRequest.fromPartial({}),
  );
  const user = containers.find(({ imageId, imageRef }) => [imageId, imageRef].includes(id));
  if (user === undefined) return;
  const container = `${user.metadata?.name} (${shortId(user.id)})`;
  throw new CliError(
    "FailedPrecondition",
    `image ${repoTags[0] ?? id} is in use by container ${container}: remove the container first, or use --force`,
  );
}
