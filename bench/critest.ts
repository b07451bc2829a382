/**
 * critest with berth and with cri-dockerd, on the same Docker Engine: how many of its specs pass, and which
 * pass with only one of the two. `npm run bench -- critest`. Needs what `npm run conformance` builds, and `sh
 * scripts/cri-dockerd-program.sh`.
 */
import { critestMirror, runCritest, type SpecResult } from "../test/support/critest.ts";
import { DockerPair, type DockerSubject } from "./docker-pair.ts";

await using mirror = await critestMirror();
await using pair = await DockerPair.start(mirror);
const passed = new Map<DockerSubject["name"], ReadonlySet<string>>();
const all = new Set<string>();

for (const { name, socket } of pair.subjects) {
  const results = await runCritest({ socket });
  for (const { key } of results) all.add(key);
  passed.set(name, new Set(results.filter(({ state }) => state === "passed").map(({ key }) => key)));
  const count = (state: SpecResult["state"]) => results.filter((spec) => spec.state === state).length;
  const failed = results.length - count("passed") - count("skipped");
  console.log(`${name}: ${count("passed")} specs pass, ${failed} fail, ${count("skipped")} are skipped`);
}
for (const { name } of pair.subjects) {
  const others = pair.subjects.filter((subject) => subject.name !== name);
  const alone = [...all].filter(
    (key) => passed.get(name)?.has(key) && others.every((other) => !passed.get(other.name)?.has(key)),
  );
  console.log(`\npass with ${name} alone:`);
  for (const key of alone) console.log(`- ${key}`);
}
