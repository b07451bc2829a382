import { Command, CommanderError, Help } from "commander";
import { berthVersion } from "../../ground/version/index.ts";
import { adviseOnUnknown, unknownCommand } from "./commands/advice.ts";
import { withAdvice } from "./commands/option-advice.ts";
import { commandTable } from "./commands/table.ts";
import { exitCode } from "./errors.ts";
import type { Invocation, Io } from "./invocation.ts";
import { addConnectionOptions } from "./options.ts";
import { reportFailure } from "./report-failure.ts";

const epilogue = `
Names: pods, containers and images can be given by name or by a unique prefix of
their id. A pod is NAME or NAMESPACE/NAME; a container is NAME, POD/NAME or
NAMESPACE/POD/NAME; an image is a reference.

Exit status:
  0    success
  1    failure
  2    invalid command line
  3    pod, container, image or file not found
  4    the CRI endpoint cannot be reached
  130  interrupted
  141  nobody reads the archive to its end
run, exec and attach exit with the status of the command in the container: 127 if
the program was not found, 126 if it cannot be executed, 125 if berth itself
failed.

"berth COMMAND --help" shows details and examples.
`;

/** Width of the help if the output is not a terminal. */
const helpColumns = 80;

/** Runs one command line and returns its exit status; never throws. `signal` aborts on Ctrl-C. */
export async function runCli(argv: readonly string[], io: Io, signal: AbortSignal): Promise<number> {
  const invocation: Invocation = { io, signal, exitCode: exitCode.ok };
  try {
    const program = createProgram(invocation);
    const words = argv[0] === "help" ? await askedHelp(argv.slice(1), invocation) : argv;
    const [word = "-"] = words;
    // With --help after an unknown command, commander would show the help of berth itself.
    if (!word.startsWith("-") && !commandTable.some(({ name }) => name === word))
      throw unknownCommand(program, program.name(), word);
    await program.parseAsync(words, { from: "user" });
    return invocation.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, invocation);
    return error.exitCode === 0 ? exitCode.ok : (invocation.failureExitCode ?? exitCode.usage);
  }
}

/**
 * Creates the tree of commands. A command's arguments are loaded when it is called, so that gRPC is loaded
 * only if it is used.
 */
function createProgram(invocation: Invocation): Command {
  const { stdout, stderr } = invocation.io;
  const program = new Command("berth")
    .description("Manages pods, containers and images of berthd, or of any other CRI endpoint.")
    .usage("COMMAND [options] [arguments]")
    .exitOverride()
    .enablePositionalOptions()
    .helpCommand(false)
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for usage)")
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? helpColumns,
    })
    .configureHelp({
      // Descriptions have line breaks for the source; the help wraps them for the terminal.
      commandDescription: (command) => command.description().replaceAll("\n", " "),
      // A command's own options come first, also if it has none but --help, which is added last.
      groupItems(...items) {
        const groups = new Help().groupItems(...items);
        const own = groups.get("Options:");
        return own === undefined ? groups : new Map([["Options:", own], ...groups]);
      },
    })
    .addHelpText("after", epilogue)
    .version(berthVersion, "-v, --version", "print berth's version");
  addConnectionOptions(program);
  adviseOnUnknown(program, "berth");
  adviseOnOptions(program);
  for (const { name, summary, group } of commandTable) {
    program
      .command(name, { hidden: group === undefined })
      .summary(summary)
      .helpGroup(group ?? "");
  }
  return program.hook("preSubcommand", (_, command) => define(command, invocation));
}

/** Creates the tree with the arguments of every command, to describe it. */
export async function createWholeProgram(invocation: Invocation): Promise<Command> {
  const program = createProgram(invocation);
  for (const command of program.commands) await define(command, invocation);
  return program;
}

async function define(command: Command, invocation: Invocation): Promise<void> {
  const entry = commandTable.find(({ name }) => name === command.name());
  (await entry?.load())?.define(command, invocation, () => createWholeProgram({ ...invocation }));
  for (const one of [command, ...command.commands]) adviseOnOptions(one);
}

function adviseOnOptions(command: Command): void {
  command.configureOutput({
    outputError: (text, output) => output(withAdvice(text.replace(/^error:/, "berth:"), command)),
  });
}

/**
 * Translates `berth help image pin` to `berth image pin --help`. Words that are not commands are left out: of
 * `berth help run busybox`, the last one would be run.
 */
async function askedHelp(path: readonly string[], invocation: Invocation): Promise<readonly string[]> {
  const [first] = path;
  const known: string[] = [];
  let command = createProgram({ ...invocation });
  for (const word of path) {
    const sub = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (sub === undefined) break;
    if (known.length === 0) await define(sub, { ...invocation });
    known.push(word);
    command = sub;
  }
  // Of a first word that is no command, there is an error.
  return [...(known.length === 0 && first !== undefined ? [first] : known), "--help"];
}
