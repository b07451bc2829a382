import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { type Client, findContainer } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import { exitCode, usageError } from "../errors.ts";
import { writeWhole } from "../image/archive-file.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { needsBerthd } from "./needs-berthd.ts";

type Options = ConnectionOptions & { readonly output?: string };

const description = `Writes the files of a container into an uncompressed tar archive, without the
content of volumes; \`berth import\` creates an image from it. With -o, the file appears only once
it is complete.`;

const examples = `
Examples:
  berth export -o web.tar web
  berth export web | tar -t
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("<container>", "id or name of the container")
    .option("-o, --output <file>", "write to this file rather than to stdout");
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((name: string) => exportFiles(name, optionsOf<Options>(command), invocation));
}

async function exportFiles(name: string, options: Options, invocation: Invocation): Promise<void> {
  const { output = "-" } = options;
  const { stdout } = invocation.io;
  if (output === "-" && stdout.isTTY === true)
    throw usageError(
      "refusing to write an archive to a terminal: redirect the output, or name a file with -o",
    );
  using client = await connect(options, invocation);
  const { container } = await findContainer(client, name);
  const send = (target: Writable, end: boolean) => pipeline(chunks(client, container.id), target, { end });
  invocation.io.brokenPipeStatus = exitCode.brokenPipe;
  if (output === "-") await send(stdout, false);
  else await writeWhole(output, (target) => send(target, true));
}

async function* chunks(client: Client, containerId: string): AsyncGenerator<Buffer> {
  try {
    const answers = client.serverStream(berthV1.BerthService.exportContainer, { containerId });
    for await (const { chunk } of answers) yield chunk;
  } catch (error) {
    throw needsBerthd("export", error);
  }
}
