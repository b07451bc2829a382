import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addOutputOption, type ConnectionOptions, optionsOf } from "../options.ts";
import { renderStructured } from "../output/structured.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions & { readonly output?: "json" | "yaml" };

const description = `Lists the paths of an image that differ from another image or, without one,
from the layers below its topmost layer: A for added, C for changed, D for deleted.`;

const examples = `
Examples:
  berth image diff team/app:fixed
  berth image diff team/app:2 team/app:1
`;

const letters: Readonly<Partial<Record<berthV1.ChangeKind, "A" | "C" | "D">>> = {
  [berthV1.ChangeKind.CHANGE_KIND_ADDED]: "A",
  [berthV1.ChangeKind.CHANGE_KIND_CHANGED]: "C",
  [berthV1.ChangeKind.CHANGE_KIND_DELETED]: "D",
};

export function defineDiff(command: Command, invocation: Invocation): void {
  const diffing = command
    .command("diff")
    .summary("list how an image differs from another")
    .description(description)
    .argument("<image>", "reference or id")
    .argument("[base]", "reference or id of the image to compare with");
  addOutputOption(diffing, ["json", "yaml"]);
  addConnectionOptions(diffing)
    .addHelpText("after", examples)
    .action((image: string, base?: string) =>
      diff({ image, base: base ?? "" }, optionsOf<Options>(diffing), invocation),
    );
}

async function diff(
  request: berthV1.DiffImagesRequest,
  { output, ...options }: Options,
  invocation: Invocation,
): Promise<void> {
  const { stdout } = invocation.io;
  using client = await connect(options, invocation);
  // The format is podman's.
  const found = { added: [] as string[], changed: [] as string[], deleted: [] as string[] };
  const lists = { A: found.added, C: found.changed, D: found.deleted };
  try {
    for await (const { changes } of client.serverStream(berthV1.BerthService.diffImages, request)) {
      const lines: string[] = [];
      for (const { kind, path } of changes) {
        const letter = letters[kind] ?? "C";
        const text = printable(path);
        if (output === undefined) lines.push(`${letter} ${text}\n`);
        else lists[letter].push(text);
      }
      await write(stdout, lines.join(""));
    }
  } catch (error) {
    throw needsBerthd("image diff", error);
  }
  if (output !== undefined) await write(stdout, await renderStructured(found, output));
}

/** File names may contain control characters for the terminal. */
function printable(path: Buffer): string {
  const text = path.toString("utf8");
  return /[\p{Cc}\p{Cf}]/u.test(text) ? JSON.stringify(text).slice(1, -1) : text;
}
