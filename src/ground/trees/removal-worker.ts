/** The thread behind {@link "./tree-remover.ts"}. */
import { serveJobs } from "../threads/index.ts";
import { removeTree } from "./remove-tree.ts";

serveJobs(removeTree);
