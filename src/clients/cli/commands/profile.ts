import type { Command } from "commander";
import {
  AuthConfig,
  ImageServiceService,
  ListSecurityProfilesRequest,
  ListSecurityProfilesResponse,
  PullSecurityProfileRequest,
  type SecurityProfileInfo,
  SecurityProfileKind,
} from "../../../ground/protocol/index.ts";
import { type Client, resolveOne } from "../../criclient/index.ts";
import { connect } from "../client/connect.ts";
import type { Invocation } from "../invocation.ts";
import { addConnectionOptions, addListOptions, type ConnectionOptions, optionsOf } from "../options.ts";
import { type ListOptions, printList } from "../output/print-list.ts";
import { toProtobufJson } from "../output/structured.ts";
import type { Column } from "../output/table.ts";
import { formatBytes, shortId } from "../output/units.ts";
import { write } from "../output/write.ts";
import { addCredsOption, authConfig, readCredentials } from "../pull/credentials.ts";
import { adviseOnUnknown } from "./advice.ts";
import { forEachName } from "./each-name.ts";

type PullOptions = ConnectionOptions & { readonly creds?: string };
type Row = { readonly profile: SecurityProfileInfo; readonly reference: string };

const pullDescription = `Pulls a seccomp profile that is stored in a registry as an artifact, if it is not already here,
and prints its digest. It must be named by the digest of the artifact's manifest; containers
refer to it by the same name (SecurityProfile.oci_ref).`;

const removeDescription = `Removes profiles. Running containers keep theirs; containers that need a removed profile cannot
start until it is pulled again.`;

export function define(command: Command, invocation: Invocation): void {
  command.description(
    "Manages seccomp profiles that are stored in registries. They are not images, and no other command shows them.",
  );
  definePull(command, invocation);
  defineList(command, invocation);
  defineRemove(command, invocation);
  adviseOnUnknown(command, "berth profile");
}

function definePull(command: Command, invocation: Invocation): void {
  const pulling = command
    .command("pull")
    .summary("pull a profile from a registry")
    .description(pullDescription)
    .argument("<profile>", "reference with a digest");
  addConnectionOptions(addCredsOption(pulling))
    .addHelpText(
      "after",
      `
Examples:
  berth profile pull registry.example/profiles/web@sha256:0f1e...
  berth profile pull --creds robot registry.example/profiles/web@sha256:0f1e... < /run/secrets/password
`,
    )
    .action((reference: string) => pull(reference, optionsOf<PullOptions>(pulling), invocation));
}

function defineList(command: Command, invocation: Invocation): void {
  const listing = command
    .command("ls")
    .summary("list profiles")
    .description("Lists profiles, one row per reference they were pulled by.");
  addListOptions(listing);
  addConnectionOptions(listing)
    .addHelpText(
      "after",
      `
Examples:
  berth profile ls
  berth profile ls -o json | jq '.profiles[].refs'
`,
    )
    .action(() => printProfiles(optionsOf<ConnectionOptions & ListOptions>(listing), invocation));
}

function defineRemove(command: Command, invocation: Invocation): void {
  const removing = command
    .command("rm")
    .summary("remove profiles")
    .description(removeDescription)
    .argument("<profile...>", "digests, or references");
  addConnectionOptions(removing)
    .addHelpText(
      "after",
      `
Examples:
  berth profile rm 7c91e8
  berth profile rm $(berth profile ls -q)
`,
    )
    .action((names: string[]) => remove(names, optionsOf<ConnectionOptions>(removing), invocation));
}

async function pull(reference: string, options: PullOptions, invocation: Invocation): Promise<void> {
  const credentials = await readCredentials(options.creds, reference, invocation);
  using client = await connect(options, invocation);
  const request = PullSecurityProfileRequest.fromPartial({
    image: { image: reference, userSpecifiedImage: reference },
    ...(credentials === undefined ? {} : { auth: AuthConfig.fromPartial(authConfig(credentials)) }),
    profileKind: SecurityProfileKind.Seccomp,
  });
  await client.unary(ImageServiceService.pullSecurityProfile, request, {
    timeoutMs: Number.POSITIVE_INFINITY,
  });
  const { digest } = await findProfile(client, reference);
  await write(invocation.io.stdout, `${digest}\n`);
}

async function printProfiles(
  options: ConnectionOptions & ListOptions,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const response = await listProfiles(client);
  const rows = response.profiles
    .flatMap(rowsOf)
    .sort((one, other) => (one.reference < other.reference ? -1 : 1));
  const toJson = () => toProtobufJson(ListSecurityProfilesResponse, response);
  const idOf = ({ profile }: Row) => profile.digest;
  // Each digest once, even if several references lead to it.
  const shown =
    options.quiet === true ? response.profiles.map((profile) => ({ profile, reference: "" })) : rows;
  await printList({ rows: shown, columns: columns(options), idOf, toJson }, options, invocation);
}

async function remove(
  names: readonly string[],
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<void> {
  using client = await connect(options, invocation);
  const removeOne = async (name: string) => {
    const { digest } = await findProfile(client, name);
    await client.unary(ImageServiceService.removeSecurityProfile, { digest });
  };
  await forEachName(names, removeOne, invocation);
}

function listProfiles(client: Client): Promise<ListSecurityProfilesResponse> {
  return client.unary(ImageServiceService.listSecurityProfiles, ListSecurityProfilesRequest.fromPartial({}));
}

/**
 * Finds a profile by digest, a unique prefix of one, or reference. Throws CliError NotFound,
 * FailedPrecondition.
 */
async function findProfile(client: Client, name: string): Promise<SecurityProfileInfo> {
  const { profiles } = await listProfiles(client);
  const candidates = profiles.map((profile) => ({
    id: profile.digest,
    names: profile.refs,
    title: profile.refs[0] ?? "",
    value: profile,
  }));
  return resolveOne(name, candidates, "security profile");
}

function rowsOf(profile: SecurityProfileInfo): Row[] {
  return profile.refs.map((reference) => ({ profile, reference }));
}

function columns({ trunc }: ListOptions & { readonly trunc?: boolean }): Column<Row>[] {
  return [
    { title: "PROFILE", value: ({ reference }) => reference },
    { title: "DIGEST", value: ({ profile }) => (trunc === false ? profile.digest : shortId(profile.digest)) },
    { title: "SIZE", value: ({ profile }) => formatBytes(profile.size) },
  ];
}
