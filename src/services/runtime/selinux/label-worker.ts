/** The thread behind {@link "./se-linux.ts"}. */
import { serveJobs } from "../../../ground/threads/index.ts";
import { labelTree } from "./label-tree.ts";

export type LabelJob = { readonly path: string; readonly label: string };

serveJobs(({ path, label }: LabelJob) => labelTree(path, label));
