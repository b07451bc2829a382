import type { Command } from "commander";
import { berthV1 } from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addListOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import type { Column } from "../output/table.ts";
import { formatBytes, shortId } from "../output/units.ts";

type Options = ConnectionOptions & ListOptions;

const description = `Shows the disk usage of images: CONTENT is their documents and compressed
layers, for all platforms that are present, UNPACKED their unpacked layers. Both count only what is
freed when the image is removed; SHARED is what other images use too.`;

const examples = `
Examples:
  berth image usage
  berth image usage -o json | jq '[.images[].content.own | tonumber] | add'
`;

export function defineUsage(command: Command, invocation: Invocation): void {
  const showing = command.command("usage").summary("show the disk usage of images").description(description);
  addListOptions(showing);
  addConnectionOptions(showing)
    .addHelpText("after", examples)
    .action(() => showUsage(optionsOf<Options>(showing), invocation));
}

async function showUsage(options: Options, invocation: Invocation): Promise<void> {
  using client = await connect(options, invocation);
  const { images } = await client
    .unary(berthV1.BerthService.listImageUsages, berthV1.ListImageUsagesRequest.fromPartial({}))
    .catch((error: unknown) => {
      throw needsBerthd("image usage", error);
    });
  const rows = images.toSorted((one, other) => Number(ownBytes(other) - ownBytes(one)));
  const toJson = () => toProtobufJson(berthV1.ListImageUsagesResponse, { images: rows });
  await printList({ rows, columns: columns(options), idOf: ({ id }) => id, toJson }, options, invocation);
}

function ownBytes({ content, unpacked }: berthV1.ImageUsage): bigint {
  return (content?.own ?? 0n) + (unpacked?.own ?? 0n);
}

function columns({ trunc }: Options): Column<berthV1.ImageUsage>[] {
  const bytes = (title: string, of: (usage: berthV1.ImageUsage) => bigint | undefined) => ({
    title,
    value: (usage: berthV1.ImageUsage) => formatBytes(of(usage) ?? 0n),
  });
  return [
    { title: "IMAGE", value: ({ names }) => firstName(names) },
    { title: "IMAGE ID", value: ({ id }) => (trunc === false ? id : shortId(id)) },
    bytes("CONTENT", ({ content }) => content?.own),
    bytes("SHARED", ({ content }) => content?.shared),
    bytes("UNPACKED", ({ unpacked }) => unpacked?.own),
    bytes("SHARED", ({ unpacked }) => unpacked?.shared),
  ];
}

/** The first name, with tags before digests. */
function firstName(names: readonly string[]): string {
  return names.find((name) => !name.includes("@")) ?? names[0] ?? "";
}
