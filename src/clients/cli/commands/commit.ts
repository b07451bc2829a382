import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { findContainer } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import {
  addNewImageOptions,
  changesHelp,
  type NewImageOptions,
  newImage,
} from "../image/new-image-options.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { needsBerthd } from "./needs-berthd.ts";

type Options = ConnectionOptions & NewImageOptions & { readonly pause: boolean };

const description = `Creates an image from a container and prints its id: the container's image plus
a layer with its changes, without the content of volumes. The container is paused meanwhile.`;

const examples = `
Examples:
  berth commit web team/app:fixed
  berth commit -c 'CMD ["/bin/app", "--debug"]' -m 'with debug output' web team/app:debug
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<container>", "id or name of the container")
    .argument("[name]", "name of the image; without one it has only an id");
  addNewImageOptions(command).option("--no-pause", "do not pause the container");
  addConnectionOptions(command)
    .addHelpText("after", `${examples}${changesHelp}`)
    .action((container: string, name?: string) =>
      commit(container, name, optionsOf<Options>(command), invocation),
    );
}

async function commit(
  name: string,
  imageName: string | undefined,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const { container } = await findContainer(client, name);
  const request = berthV1.CommitContainerRequest.fromPartial({
    containerId: container.id,
    image: newImage(imageName, options),
    noPause: !options.pause,
  });
  const { id } = await client
    .unary(berthV1.BerthService.commitContainer, request, { timeoutMs: Number.POSITIVE_INFINITY })
    .catch((error: unknown) => {
      throw needsBerthd("commit", error);
    });
  await write(invocation.io.stdout, `${id}\n`);
}
