import type { CheckResult, Finding, Severity } from "../../doctor/index.ts";
import type { Style } from "../output/style.ts";
import { printable } from "../output/table.ts";

const marks: Readonly<Record<Severity, string>> = { ok: "ok  ", hint: "hint", warn: "warn", fail: "FAIL" };
const remedyIndent = "      ";

/** Prints a line for each finding, with the remedy below it, and a summary at the end. */
export function renderReport(results: readonly CheckResult[], style: Style): string {
  const findings = results.flatMap((result) => result.findings);
  const width = findings.reduce((widest, { title }) => Math.max(widest, title.length), 0);
  return `${findings.map((finding) => renderFinding(finding, width, style)).join("")}\n${sum(findings)}\n`;
}

function renderFinding({ severity, title, detail, remedy }: Finding, width: number, style: Style): string {
  const paint = { ok: style.green, hint: style.green, warn: style.yellow, fail: style.red }[severity];
  const line = `${paint(marks[severity])}  ${style.bold(title)}${" ".repeat(width - title.length)}  ${oneLine(detail)}\n`;
  return remedy === undefined ? line : `${line}${remedyIndent}${style.dim(`-> ${oneLine(remedy)}`)}\n`;
}

function sum(findings: readonly Finding[]): string {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  const [warnings, failures] = [count("warn"), count("fail")];
  if (failures > 0)
    return `${plural(failures, "failure")} and ${plural(warnings, "warning")}: pods cannot run until the failures are fixed.`;
  if (warnings > 0)
    return `${plural(warnings, "warning")}: pods can run, with the limitations named in the warnings.`;
  return "No problems found.";
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** Text from programs and configurations must not control the terminal. */
function oneLine(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return printable(lines.filter((line) => line !== "").join("; "));
}
