import type { Command } from "commander";
import { eraseCredentials } from "../../../parts/registry/index.ts";
import type { Invocation } from "../invocation.ts";
import { authFile, registryHost } from "../login/registries.ts";
import { write } from "../output/write.ts";

const description = `Removes the credentials that \`berth login\` stored for a registry.`;

const examples = `
Examples:
  berth logout registry.example
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .argument("[registry]", "host of the registry (default docker.io)")
    .addHelpText("after", examples)
    .action((registry?: string) => logout(registry, invocation));
}

async function logout(registry: string | undefined, { io }: Invocation): Promise<void> {
  const host = registryHost(registry);
  const file = authFile(io);
  const erased = file !== undefined && (await eraseCredentials(file, host));
  await write(io.stdout, erased ? `logged out of ${host}\n` : `no credentials for ${host}\n`);
}
