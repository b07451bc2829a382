/**
 * A reporter of node:test that writes a line of JSON for each failed test: its file, and its title after
 * those of its suites. A suite that fails only because of its tests is left out.
 */
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";

export type FailedTest = { readonly file: string; readonly title: string };

export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  /** Of each file, the titles of what has started, by nesting: files run side by side. */
  const started = new Map<string, string[]>();
  for await (const { type, data } of events) {
    if (type !== "test:start" && type !== "test:fail") continue;
    const { file = "", name, nesting } = data;
    const titles = started.get(file) ?? [];
    started.set(file, titles);
    titles[nesting] = name;
    if (type === "test:start" || isOfSubtests(data.details.error)) continue;
    const title = titles.slice(0, nesting + 1).join(" > ");
    yield `${JSON.stringify({ file: relative(process.cwd(), file), title } satisfies FailedTest)}\n`;
  }
}

function isOfSubtests(error: Error | undefined): boolean {
  return error !== undefined && "failureType" in error && error.failureType === "subtestsFailed";
}
