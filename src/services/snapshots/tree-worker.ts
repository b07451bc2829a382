/** The threads behind {@link "./tree-threads.ts"}. */
import { serveJobs } from "../../ground/threads/index.ts";
import { removeTree } from "../../ground/trees/index.ts";
import { copyTree } from "./copy-tree.ts";
import { diskUsage } from "./disk-usage.ts";
import { inheritDirectories, inheritInImage } from "./inherit.ts";
import type { Usage } from "./snapshotter.ts";
import type { TreeJob } from "./tree-threads.ts";

serveJobs(perform);

function perform(job: TreeJob): Usage | undefined {
  if (job.kind === "usage") return diskUsage(job.path);
  if (job.kind === "copy") copyTree(job.from, job.to);
  if (job.kind === "delete") removeTree(job.path);
  if (job.kind === "inherit") inheritDirectories(job.upper, job.lower, job.directories);
  if (job.kind === "inheritInImage") inheritInImage(job.image, job.lower, job.directories);
  return undefined;
}
