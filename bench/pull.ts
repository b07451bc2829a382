/**
 * The cost of a pull: berth and the containerd of `scripts/clients-programs.sh` alternating, each restarted
 * for every round, in which it first pulls a small image that is not measured, like a daemon in use. An image
 * of four gzip layers from a loopback registry, its removal, and twelve small images at once. `npm run bench
 * -- pull [ROUNDS] [--large] [--json]`: 110 MB and 7,500 files, or with `--large` 871 MB and 60,000 files.
 * With BERTH_TEST_SNAPSHOTTER=erofs in the environment, berth uses that snapshotter.
 */
import { startRegistry } from "../src/testing/registry.ts";
import { tempDir } from "../src/testing/temp-dir.ts";
import { ImageReport, imageArguments, inTurn } from "./image-report.ts";
import { type ImageSubject, type SubjectName, startSubject } from "./image-subjects.ts";
import { makeLargeImage, pushLargeImage } from "./large-image.ts";
import { measured } from "./usage.ts";

const { rounds, shape, asJson } = imageArguments(process.argv.slice(2));
const [smallImages, smallShape] = [12, { layers: 3, files: 600, unpackedBytes: 20e6 }];

await using scratch = await tempDir();
await using registry = await startRegistry();
const image = await makeLargeImage(scratch.path, shape);
const large = await pushLargeImage(registry, "large", image);
const [first, ...small] = await Promise.all(
  Array.from({ length: smallImages + 1 }, async (_, index) => {
    const made = await makeLargeImage(scratch.path, { ...smallShape, seed: index + 2 });
    return await pushLargeImage(registry, `small-${index}`, made);
  }),
);

/** A daemon like one in use on a node, not one that does everything for the first time. */
async function startUsed(name: SubjectName): Promise<ImageSubject> {
  const subject = await startSubject(name);
  if (first !== undefined) await subject.pull(first);
  return subject;
}

const report = new ImageReport();
await inTurn(rounds, async (name) => {
  {
    await using subject = await startUsed(name);
    report.add("pull", name, await measured(subject.pid, () => subject.pull(large)));
    report.add("removal", name, await measured(subject.pid, () => subject.remove(large)));
  }
  await using subject = await startUsed(name);
  const pullAll = () => Promise.all(small.map((reference) => subject.pull(reference)));
  report.add(`${smallImages} small images at once`, name, await measured(subject.pid, pullAll));
});
report.print(asJson, { rounds, compressedMB: Math.round(image.compressedBytes / 1e6), ...shape });
