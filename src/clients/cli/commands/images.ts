import type { Command } from "commander";
import {
  type Image,
  ImageServiceService,
  ListImagesRequest,
  ListImagesResponse,
} from "../../../ground/protocol/index.ts";
import { connect } from "../client/connect.ts";
import { printManifests } from "../image/list-manifests.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addListOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import type { Column } from "../output/table.ts";
import { formatBytes, shortId } from "../output/units.ts";

type Options = ConnectionOptions &
  ListOptions & { readonly digests?: boolean; readonly all?: boolean; readonly platform?: string };
type Row = { readonly image: Image; readonly repository: string; readonly tag: string };

const description = `Lists images that can run here, and artifacts, one row per tag. With --all or
--platform, lists every local manifest that has a name: a row for each platform of an image, each
artifact and each attestation, and whether all of its content is present.`;

const examples = `
Examples:
  berth images
  berth images registry.example/team/app --digests
  berth images --platform linux/arm64
  berth images -o json | jq '[.images[].size | tonumber] | add'
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[reference]", "only this image; with --all, names that contain this");
  command.option("-a, --all", "also list images for other platforms, artifacts and attestations");
  command.option("--platform <platform>", "list only this platform, for example linux/arm64");
  command.option("--digests", "show repository digests");
  addListOptions(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action((reference?: string) => printImages(reference, optionsOf<Options>(command), invocation));
}

async function printImages(
  reference: string | undefined,
  options: Options,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const { all = false, platform } = options;
  if (all || platform !== undefined)
    return await printManifests(client, { reference, platform }, options, invocation);
  const filter = reference === undefined ? {} : { image: { image: reference } };
  const response = await client.unary(
    ImageServiceService.listImages,
    ListImagesRequest.fromPartial({ filter }),
  );
  const rows = response.images.flatMap(rowsOf).sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  const images = [...new Set(rows.map(({ image }) => image))];
  if (options.quiet === true) {
    await printList(
      { rows: images, columns: [], idOf: ({ id }) => id, toJson: () => undefined },
      options,
      invocation,
    );
    return;
  }
  const toJson = () => toProtobufJson(ListImagesResponse, response);
  await printList(
    { rows, columns: columns(options), idOf: ({ image }) => image.id, toJson },
    options,
    invocation,
  );
}

function rowsOf(image: Image): Row[] {
  if (image.repoTags.length > 0)
    return image.repoTags.map((reference) => ({ image, ...splitTag(reference) }));
  const [repository = "<none>"] = image.repoDigests[0]?.split("@") ?? [];
  return [{ image, repository, tag: "<none>" }];
}

function splitTag(reference: string): { repository: string; tag: string } {
  const colon = reference.lastIndexOf(":");
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

function nameOf({ repository, tag }: Row): string {
  return `${repository}:${tag}`;
}

function columns({ trunc, digests }: Options): Column<Row>[] {
  const digest: Column<Row> = {
    title: "DIGEST",
    value: ({ image, repository }) => digestIn(image, repository),
  };
  return [
    { title: "IMAGE", value: ({ repository }) => repository },
    { title: "TAG", value: ({ tag }) => tag },
    ...(digests === true ? [digest] : []),
    { title: "IMAGE ID", value: ({ image }) => (trunc === false ? image.id : shortId(image.id)) },
    { title: "SIZE", value: ({ image }) => formatBytes(image.size) },
    { title: "PINNED", value: ({ image }) => (image.pinned ? "yes" : "") },
  ];
}

function digestIn(image: Image, repository: string): string {
  const reference =
    image.repoDigests.find((candidate) => candidate.startsWith(`${repository}@`)) ?? image.repoDigests[0];
  return reference?.slice(reference.indexOf("@") + 1) ?? "";
}
