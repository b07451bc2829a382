/**
 * What pods cost in memory beside their own processes: the daemon and what it keeps running for each pod
 * (conmon; shim), as proportional set size, without pods and with some. `npm run bench -- memory [PODS]`
 */
import { othersMib, pssMib } from "./memory-use.ts";
import { RuntimePair, runPod } from "./runtime-pair.ts";

const pods = Number(process.argv[2] ?? 30);

await using pair = await RuntimePair.start();
for (const subject of pair.subjects) {
  const { name, directory, pid } = subject;
  const run = (index: number) => runPod(subject, pair.image, `${name}-${index}`, "exec sleep 100000");
  // One pod first, so that what is loaded once is not counted as a pod's.
  await run(0);
  const before = { daemon: await pssMib(pid), others: await othersMib(directory, pid) };
  for (let index = 1; index <= pods; index++) await run(index);
  const after = { daemon: await pssMib(pid), others: await othersMib(directory, pid) };
  const perPod = (after.others - before.others) / pods;
  console.log(
    `${name}: daemon ${before.daemon.toFixed(0)} MiB, with ${pods} more pods ${after.daemon.toFixed(0)} MiB; ` +
      `beside it ${perPod.toFixed(2)} MiB for each pod`,
  );
}
