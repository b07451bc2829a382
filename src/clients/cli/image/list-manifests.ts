import { berthV1 } from "../../../ground/protocol/index.ts";
import type { Client } from "../../criclient/index.ts";
import { needsBerthd } from "../commands/needs-berthd.ts";
import { usageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import type { Column } from "../output/table.ts";
import { formatBytes, shortId } from "../output/units.ts";

export type ManifestFilter = {
  /** Only names that contain this text. */
  readonly reference: string | undefined;
  readonly platform: string | undefined;
};

/** Lists manifests of every platform and kind, with a row for each name and manifest. */
export async function printManifests(
  client: Client,
  { reference, platform }: ManifestFilter,
  options: ListOptions & { readonly trunc?: boolean },
  invocation: Invocation,
): Promise<void> {
  const response = await client
    .unary(berthV1.BerthService.listManifests, berthV1.ListManifestsRequest.fromPartial({}))
    .catch((error: unknown) => {
      throw needsBerthd("images --all", error);
    });
  const wanted = platform === undefined ? undefined : await canonical(platform);
  const manifests = withoutDigestNames(response.manifests)
    .filter(({ name }) => reference === undefined || name.includes(reference))
    .filter((each) => wanted === undefined || each.platform === wanted)
    .toSorted((one, other) => (sortKey(one) < sortKey(other) ? -1 : 1));
  const toJson = () => toProtobufJson(berthV1.ListManifestsResponse, { manifests });
  await printList(
    { rows: manifests, columns: columns(options), idOf: ({ id }) => id, toJson },
    options,
    invocation,
  );
}

/** Normalises a platform as berthd writes it. Throws CliError InvalidArgument. */
async function canonical(platform: string): Promise<string> {
  const { formatPlatform, OciFormatError, parsePlatform } = await import("../../../parts/oci/index.ts");
  try {
    return formatPlatform(parsePlatform(platform));
  } catch (error) {
    if (error instanceof OciFormatError) throw usageError(error.message);
    throw error;
  }
}

/** A pull by tag also creates a name with the digest, which adds no information. */
function withoutDigestNames(manifests: readonly berthV1.NamedManifest[]): berthV1.NamedManifest[] {
  const tagged = new Set(manifests.filter(({ name }) => !name.includes("@")).map((each) => keyOf(each)));
  return manifests.filter((each) => !each.name.includes("@") || !tagged.has(keyOf(each)));
}

function keyOf({ name, manifest }: berthV1.NamedManifest): string {
  return `${repositoryOf(name)} ${manifest?.digest}`;
}

function repositoryOf(name: string): string {
  const [repository = name] = name.split("@");
  return name.includes("@") ? repository : name.slice(0, name.lastIndexOf(":"));
}

function sortKey({ name, kind, platform, manifest }: berthV1.NamedManifest): string {
  return [name, kind, platform, manifest?.digest].join(" ");
}

const kinds: Readonly<Record<number, string>> = {
  [berthV1.ManifestKind.MANIFEST_KIND_IMAGE]: "image",
  [berthV1.ManifestKind.MANIFEST_KIND_ARTIFACT]: "artifact",
  [berthV1.ManifestKind.MANIFEST_KIND_ATTESTATION]: "attestation",
};

function columns({ trunc }: { readonly trunc?: boolean }): Column<berthV1.NamedManifest>[] {
  return [
    { title: "NAME", value: ({ name }) => name },
    { title: "KIND", value: ({ kind }) => kinds[kind] ?? "" },
    { title: "PLATFORM", value: ({ platform }) => platform },
    { title: "TYPE", value: ({ type }) => type },
    { title: "DIGEST", value: ({ manifest }) => digestText(manifest?.digest ?? "", trunc) },
    { title: "SIZE", value: ({ presentSize }) => formatBytes(presentSize) },
    { title: "CONTENT", value: ({ whole }) => (whole ? "whole" : "partial") },
  ];
}

function digestText(digest: string, trunc: boolean | undefined): string {
  return trunc === false ? digest : shortId(digest);
}
