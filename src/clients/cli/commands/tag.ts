import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { write } from "../output/write.ts";
import { needsBerthd } from "./needs-berthd.ts";

const description = `Gives an image another name and prints that name. If the name belongs to another image, it is moved. The image keeps
its other names.`;

const examples = `
Examples:
  berth tag busybox registry.example/mirror/busybox:1.36
  berth tag 7c91e8 team/app:tested
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<image>", "reference or id of the image")
    .argument("<name>", "new name, with a tag");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((image: string, name: string) =>
      tag(image, name, optionsOf<ConnectionOptions>(command), invocation),
    );
}

async function tag(
  image: string,
  name: string,
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  try {
    const { reference } = await client.unary(berthV1.BerthService.tagImage, { image, tag: name });
    await write(invocation.io.stdout, `${reference}\n`);
  } catch (error) {
    throw needsBerthd("tag", error);
  }
}
