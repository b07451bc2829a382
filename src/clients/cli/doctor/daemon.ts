import { hasCode, messageOf } from "../../../ground/errors/index.ts";
import {
  type RuntimeCondition,
  RuntimeServiceService,
  StatusRequest,
  VersionRequest,
} from "../../../ground/protocol/index.ts";
import type { Finding } from "../../doctor/index.ts";
import { connect } from "../client/connect.ts";
import { exitCode, exitCodeOf, hasUserMessage } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import type { ConnectionOptions } from "../options.ts";
import { unreadableRecords } from "../output/unreadable-records.ts";
import { parseInfo } from "../output/verbose-info.ts";

/** Checks whether berthd runs, and what it reports about itself. */
export async function examineDaemon(
  options: ConnectionOptions,
  invocation: Invocation,
): Promise<readonly Finding[]> {
  try {
    using client = await connect(options, invocation);
    const [version, { status, info }] = await Promise.all([
      client.unary(RuntimeServiceService.version, VersionRequest.fromPartial({})),
      client.unary(RuntimeServiceService.status, StatusRequest.fromPartial({ verbose: true })),
    ]);
    const running: Finding = {
      severity: "ok",
      title: "daemon",
      detail: `${version.runtimeName} ${version.runtimeVersion} answers`,
    };
    return [running, ...(status?.conditions ?? []).map(toFinding), ...unhandled(info), ...unreadable(info)];
  } catch (error) {
    invocation.signal.throwIfAborted();
    return [silent(error)];
  }
}

function toFinding({ type, status, reason, message }: RuntimeCondition): Finding {
  if (status) return { severity: "ok", title: type, detail: "reported by the daemon" };
  const remedy = "see the other findings and the daemon's log (`journalctl -u berthd`)";
  return {
    severity: "fail",
    title: `not ${type}`,
    detail: [reason, message].filter((text) => text !== "").join(": "),
    remedy,
  };
}

/** The number of unhandled errors in berthd; other runtimes do not report it. */
function unhandled(info: Readonly<Record<string, string>>): readonly Finding[] {
  const { unhandledErrors } = parseInfo(info) as { readonly unhandledErrors?: UnhandledErrors };
  if (unhandledErrors === undefined || unhandledErrors.count === 0) return [];
  const { count, last } = unhandledErrors;
  const detail = `${count} since the daemon started, the last at ${last?.at}: ${last?.error.split("\n")[0]}`;
  const remedy =
    "report it as a bug in berth, with the stack from the daemon's log; restarting the daemon does not harm containers";
  return [{ severity: "warn", title: "unhandled errors", detail, remedy }];
}

/** Containers and pods whose records the daemon cannot read; they are shown nowhere else. */
function unreadable(info: Readonly<Record<string, string>>): readonly Finding[] {
  const records = unreadableRecords(info);
  if (records.length === 0) return [];
  const detail = records.map(({ kind, id }) => `${kind} ${id}`).join(", ");
  const remedy = "remove them by these ids, which stops their processes: `berth rm --force ID`";
  return [{ severity: "warn", title: "records that cannot be read", detail, remedy }];
}

type UnhandledErrors = {
  readonly count: number;
  readonly last?: { readonly at: string; readonly error: string };
};

/** A daemon that is not running is not a failure of the machine. */
function silent(error: unknown): Finding {
  const unreachable = hasUserMessage(error) && exitCodeOf(error) === exitCode.unreachable;
  const detail = hasUserMessage(error) ? error.message : messageOf(error);
  const remedy = hasCode(error, "PermissionDenied")
    ? "run `berth doctor` as root"
    : unreachable
      ? "start it: `systemctl start berthd`"
      : "see its log: `journalctl -u berthd`";
  return { severity: unreachable ? "warn" : "fail", title: "daemon", detail, remedy };
}
