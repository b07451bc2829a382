/**
 * The cost of a push: `berth push` and `ctr images push` alternating, of a pulled image, to a loopback
 * registry that has nothing of it. CPU time and memory are the daemon's, which does the work in both. `npm
 * run bench -- push [ROUNDS] [--large] [--json]`, with the images of `pull`.
 */
import { startRegistry } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { ImageReport, imageArguments, inTurn } from "./image-report.ts";
import { startSubject } from "./image-subjects.ts";
import { makeLargeImage, pushLargeImage } from "./large-image.ts";
import { measured } from "./usage.ts";

const { rounds, shape, asJson } = imageArguments(process.argv.slice(2));

await using scratch = await tempDir();
await using source = await startRegistry();
const image = await makeLargeImage(scratch.path, shape);
const reference = await pushLargeImage(source, "large", image);

const report = new ImageReport();
await inTurn(rounds, async (name) => {
  await using target = await startRegistry();
  await using subject = await startSubject(name);
  await subject.pull(reference);
  const destination = `${target.host}/pushed:bench`;
  report.add("push", name, await measured(subject.pid, () => subject.push(reference, destination)));
});
report.print(asJson, { rounds, compressedMB: Math.round(image.compressedBytes / 1e6), ...shape });
