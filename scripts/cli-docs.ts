/**
 * Writes docs/cli.md: the help of every command, as the command line itself prints it. With --check, it
 * writes nothing and fails if the file is out of date.
 */
import { readFile, writeFile } from "node:fs/promises";
import { modelOf } from "../src/clients/cli/completion/model.ts";
import { createWholeProgram, runCli } from "../src/clients/cli/program.ts";
import { capturedIo } from "../src/clients/cli/testing/captured-io.ts";

const file = new URL("../docs/cli.md", import.meta.url);

const introduction = `# The command line

\`berth\` works with the pods, containers and images of berthd, or of any other endpoint that speaks CRI v1: \`berth --address
/run/containerd/containerd.sock ps\`. \`berth completion bash\` (or zsh, or fish) prints a completion script.

All commands but \`login\`, \`logout\`, \`config\` and \`completion\` also have the options \`--address\` and \`--timeout\` of the
first section.

\`scripts/cli-docs.ts\` generates this file from the help of the commands.
`;

const text = await reference();
if (process.argv.includes("--check")) {
  if ((await readFile(file, "utf8").catch(() => "")) !== text) {
    console.error("docs/cli.md is out of date: run node_modules/.bin/node scripts/cli-docs.ts");
    process.exitCode = 1;
  }
} else {
  await writeFile(file, text);
}

async function reference(): Promise<string> {
  const signal = new AbortController().signal;
  const program = await createWholeProgram({ io: capturedIo(), signal, exitCode: 0 });
  const commands = modelOf(program).map(({ path }) => path);
  const sections = commands.map(
    async (path) => `## ${["berth", ...path].join(" ")}\n\n\`\`\`text\n${await help(path)}\n\`\`\`\n`,
  );
  return [introduction, ...(await Promise.all(sections))].join("\n");
}

async function help(path: readonly string[]): Promise<string> {
  const io = capturedIo();
  await runCli([...path, "--help"], io, new AbortController().signal);
  const text = io.stdout.text();
  // Nearly every command has these options.
  return (path.length === 0 ? text : text.replace(/\nConnection:\n(?: {2}.*\n)+/, "")).trim();
}
