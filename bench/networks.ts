/**
 * How long ADD and DEL of a pod's network take, with CNI programs and built in, while 10, 100 and more other
 * pods are attached: bridge with ipMasq and portmap. `npm run bench -- networks [PODS...]`; medians of ten
 * pods. Programs are measured only up to 100 pods, since 500 would take minutes to attach.
 */

import { bridged, ways } from "../src/services/network/testing/bridged.ts";
import type { TestNetwork } from "../src/services/network/testing/test-network.ts";
import { median, timed } from "./statistics.ts";

const asked = process.argv.slice(2).map(Number);
const counts = asked.length === 0 ? [10, 100, 500] : asked;
const measured = 10;

for (const { way, builtinPlugins } of ways) {
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  await using rig = await bridged({ builtinPlugins, chained: [portmap], prefixLength: 20 });
  let attached = 0;
  for (const count of counts.filter((each) => builtinPlugins || each <= 100)) {
    for (; attached < count; attached++) await add(rig, attached);
    const adds: number[] = [];
    const deletions: number[] = [];
    for (let round = 0; round < measured; round++) {
      const { ms, sandboxId } = await add(rig, count + round);
      adds.push(ms);
      deletions.push((await timed(() => rig.network.detach(sandboxId))).ms);
    }
    console.log(
      `${way}, ${count} pods: ADD ${median(adds).toFixed(1)} ms, DEL ${median(deletions).toFixed(1)} ms`,
    );
  }
}

async function add(rig: TestNetwork, index: number) {
  const portMappings = [{ hostPort: 20_000 + index, containerPort: 80, protocol: "tcp" as const }];
  const pod = await rig.pod({ portMappings });
  const { ms } = await timed(() => rig.network.attach(pod));
  return { ms, sandboxId: pod.sandboxId };
}
