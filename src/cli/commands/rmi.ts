import type { Command } from "commander";
import { ImageServiceService, RemoveImageRequest } from "../../protocol/index.ts";
import { connect } from "../client/connect.ts";
import { findImage } from "../client/images.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { forEachName } from "./each-name.ts";

const examples = `
Examples:
  berth rmi busybox
  berth rmi registry.example/team/app:1.2 7c91e8
`;

export function define(command: Command, invocation: Invocation): void {
  command.description("Removes images, with all their tags.").argument("<image...>", "references or ids");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((names: string[]) => remove(names, optionsOf<ConnectionOptions>(command), invocation));
}

async function remove(
  names: readonly string[],
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const removeOne = async (name: string) => {
    const { image } = await findImage(client, name);
    await client.unary(
      ImageServiceService.removeImage,
      RemoveImageRequest.fromPartial({ image: { image: image.id } }),
    );
  };
  await forEachName(names, removeOne, invocation);
}
