import type { Command } from "commander";
import { type Config, loadConfig, parseConfig } from "../../../ground/config/index.ts";
import { messageOf } from "../../../ground/errors/index.ts";
import { type CheckResult, type Finding, runDoctor, type Severity, worstOf } from "../../doctor/index.ts";
import { examineDaemon } from "../doctor/daemon.ts";
import { examineLeaks } from "../doctor/leaks.ts";
import { renderReport } from "../doctor/report.ts";
import { exitCode } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import {
  addConnectionOptions,
  addOutputOption,
  type ConnectionOptions,
  collect,
  type OutputOptions,
  optionsOf,
} from "../options.ts";
import { renderStructured } from "../output/structured.ts";
import { styleFor } from "../output/style.ts";
import { write } from "../output/write.ts";

type Options = ConnectionOptions &
  OutputOptions & {
    readonly config?: string;
    readonly registry?: readonly string[];
    readonly leaks?: boolean;
  };

const description = `Checks whether this machine can run pods: kernel, control groups, limits, disks, programs, pod
network, and berthd itself if it is running. Every finding that is not ok comes with a remedy.
Changes nothing. The exit status is 1 if something would keep pods from running.`;

const examples = `
Examples:
  berth doctor
  berth doctor --registry registry.example --registry localhost:5000
  berth doctor --leaks
  berth doctor -o json | jq '.checks[].findings[] | select(.severity != "ok")'
`;

export function define(command: Command, invocation: Invocation): void {
  command
    .description(description)
    .option("--registry <host>", "check that this registry can be reached (may be repeated)", collect)
    .option("--leaks", "look for leftovers of removed pods: addresses, rules, mounts, directories, cgroups")
    .option("--config <file>", "berthd's configuration file (default /etc/berth/config.toml)");
  addOutputOption(command);
  addConnectionOptions(command)
    .addHelpText("after", examples)
    .action(() => examine(optionsOf<Options>(command), invocation));
}

async function examine(options: Options, invocation: Invocation): Promise<void> {
  const { stdout, env } = invocation.io;
  const { config, findings } = await readConfig(options.config);
  const connection = { ...options, address: options.address ?? (env.BERTH_ADDRESS || config.address) };
  const [daemon, machine, leaks] = await Promise.all([
    examineDaemon(connection, invocation),
    runDoctor({ config, registries: options.registry ?? [] }, invocation.signal),
    options.leaks === true ? examineLeaks(config, connection, invocation) : [],
  ]);
  const results = [
    { check: "configuration", findings },
    ...machine,
    { check: "daemon", findings: daemon },
    { check: "leaks", findings: leaks },
  ];
  const { output = "table" } = options;
  const worst = worstOf(results);
  if (output === "table") await write(stdout, renderReport(results, styleFor(stdout, env)));
  else await write(stdout, await renderStructured(toJson(worst, results), output));
  if (worst === "fail") invocation.exitCode = exitCode.failure;
}

/** An invalid configuration becomes a finding; the machine is then examined with the defaults. */
async function readConfig(
  file: string | undefined,
): Promise<{ config: Config; findings: readonly Finding[] }> {
  const title = "configuration";
  try {
    return {
      config: await loadConfig({ file }),
      findings: [{ severity: "ok", title, detail: "valid" }],
    };
  } catch (error) {
    const remedy = "correct the file; `berth config default` shows every key";
    const findings = [{ severity: "fail", title, detail: messageOf(error), remedy } as const];
    return { config: parseConfig("", "defaults"), findings };
  }
}

function toJson(worst: Severity, results: readonly CheckResult[]): unknown {
  return { worst, checks: results.filter(({ findings }) => findings.length > 0) };
}
