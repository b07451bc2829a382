import type { Command } from "commander";
import { connect } from "../client/connect.ts";
import { podConfigurations } from "../generate/configurations.ts";
import { podManifest } from "../generate/pod-manifest.ts";
import { refusedFields } from "../generate/refused-fields.ts";
import type { Invocation } from "../invocation.ts";
import { objectNotFound, parsePodOrObject } from "../objects/kind-names.ts";
import { keptObject } from "../objects/manager-calls.ts";
import { addConnectionOptions, addOutputOption, type ConnectionOptions, optionsOf } from "../options.ts";
import { renderStructured, type StructuredFormat } from "../output/structured.ts";
import { styleFor } from "../output/style.ts";
import { write } from "../output/write.ts";
import { adviseOnUnknown } from "./advice.ts";

type Options = ConnectionOptions & { readonly namespace?: string; readonly output?: StructuredFormat };

const description = `Writes the manifest of a running pod, or of another object of berthd's pod
manager, for "berth play", "berth apply" or Kubernetes. Objects of the manager are written as they
were applied; the manifests of other pods, such as those of "berth run", are built from what the
runtime knows, and what it does not know is listed on standard error.`;

const examples = `
Examples:
  berth generate kube web > web.yaml
  berth generate kube deployment/web
`;

export function define(command: Command, invocation: Invocation): void {
  command.description("Writes manifests.");
  adviseOnUnknown(command, "berth generate");
  const kube = command
    .command("kube")
    .summary("write the manifest of a running pod")
    .description(description)
    .argument("<name>", "name of a pod, or KIND/NAME")
    .option("-n, --namespace <namespace>", 'namespace of the object (default "default")');
  addOutputOption(kube, ["yaml", "json"]);
  addConnectionOptions(kube)
    .addHelpText("after", examples)
    .action((name: string) => generate(name, optionsOf<Options>(kube), invocation));
}

async function generate(text: string, options: Options, { io, ...rest }: Invocation): Promise<void> {
  const { output = "yaml" } = options;
  const { kind, namespace, name } = parsePodOrObject(text, options.namespace);
  using client = await connect(options, { io, ...rest });
  const kept = await keptObject(client, { kind, namespace, name });
  if (kept !== undefined) return await write(io.stdout, await renderStructured(kept, output));
  if (kind !== "Pod") throw objectNotFound({ kind, name }, namespace);
  const { manifest, notes } = podManifest(await podConfigurations(client, `${namespace}/${name}`));
  const { yellow } = styleFor(io.stderr, io.env);
  for (const note of [...notes, ...refusedFields(manifest)])
    await write(io.stderr, `${yellow("warning:")} ${note}\n`);
  await write(io.stdout, await renderStructured(manifest, output));
}
