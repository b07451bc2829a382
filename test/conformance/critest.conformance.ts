/** Runs all of critest, Kubernetes' conformance suite for container runtimes. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it, type TestContext } from "node:test";
import { type SpecResult, withCritest } from "../support/critest.ts";
import { isNewerDocker } from "../support/docker.ts";
import { testEngine } from "../support/engine.ts";
import { testHandler } from "../support/handler.ts";
import { PassedSpecs } from "../support/passed-specs.ts";
import { exceptionOf, type Subject } from "./exceptions.ts";

/** critest's messages for specs that it skips because the machine lacks something. */
const kernelLacks = /AppArmor is disabled|SELinux is not enabled/;

/** Docker gives privileged containers every capability that the kernel knows, even if root has fewer. */
const capabilitiesLack = /unable to apply caps: operation not permitted/;

const engine: Subject = testEngine === "native" ? "native" : isNewerDocker ? "docker-newer" : "docker";
/** The subject of the results: an engine, or an OCI runtime of the native engine. */
const subject = engine === "native" ? testHandler : engine;

describe(`critest with ${subject}`, () => {
  const critest = withCritest();

  it("passes every spec that can pass here", async (t) => {
    const results = await critest.run();
    const passed = await PassedSpecs.of(subject);
    for (const [group, specs] of Map.groupBy(results, (spec) => spec.group)) {
      await t.test(group, async (inGroup) => {
        for (const spec of specs) await judge(inGroup, spec, passed.includes(spec));
      });
    }
    await t.test("passes each spec that passed before, and the list has each that passes now", async () => {
      assert.deepEqual(passed.missingFrom(results), []);
      await passed.update(results);
    });
  });

  it("passes every spec of the group Streaming over WebSocket", async (t) => {
    const flags = ["-websocket-exec", "-websocket-attach", "-websocket-portforward"];
    const results = await critest.run({ focus: "Streaming", flags });
    assert.equal(results.length, 5);
    for (const spec of results) await judge(t, spec, true);
  });
});

async function judge(t: TestContext, spec: SpecResult, passedBefore: boolean) {
  const { key, name, state, message } = spec;
  const exception = exceptionOf(key, engine);
  const lacking = passedBefore ? undefined : await whatMachineLacks(spec);
  const skip = state === "passed" ? undefined : (exception ?? lacking);
  if (skip !== undefined) return t.test(name, { skip });
  return t.test(name, () => {
    assert.equal(state, "passed", `${state}: ${message}`);
    assert.equal(exception, undefined, "it passes now: take it off the list of exceptions");
  });
}

async function whatMachineLacks({ state, message }: SpecResult): Promise<string | undefined> {
  if (state === "skipped" && kernelLacks.test(message)) return message;
  if (state !== "failed" || testEngine !== "docker" || !capabilitiesLack.test(message)) return undefined;
  return (await hasEveryCapability()) ? undefined : "root lacks capabilities here, and Docker gives them all";
}

async function hasEveryCapability(): Promise<boolean> {
  const bounding = /^CapBnd:\s*(\w+)$/m.exec(await readFile("/proc/self/status", "utf8"))?.[1] ?? "0";
  const last = Number(await readFile("/proc/sys/kernel/cap_last_cap", "utf8"));
  return BigInt(`0x${bounding}`) === (1n << BigInt(last + 1)) - 1n;
}
