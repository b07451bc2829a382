import { join } from "node:path";
import type { Logger } from "../logging/index.ts";
import type { Database } from "../metadata/index.ts";
import { SnapshotDirectories } from "./directories.ts";
import { DirectorySnapshotter } from "./directory-snapshotter.ts";
import { dropLostRecords } from "./lost-records.ts";
import { nativeStyle } from "./native.ts";
import { overlayfsStyle } from "./overlayfs.ts";
import { type SnapshotRecord, SnapshotRecords } from "./records.ts";
import { SnapshotError } from "./snapshot-error.ts";
import type { Snapshotter } from "./snapshotter.ts";
import { treeThread } from "./tree-thread.ts";

/** The snapshotters that there are, by the name that the configuration has. */
export type SnapshotterKind = "overlayfs" | "native";

/** containerd's rule for names of namespaces; here it is a directory's name too. */
const namespacePattern = /^[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*$/;

/**
 * Opens the snapshotter of one containerd namespace, with its directories at `<root>/snapshots/<kind>/<namespace>/<n>`. Records
 * whose directories a power loss has taken are dropped. A crash may have come between a record's deletion and its files':
 * the caller is to begin a cleanup when all that has layers mounted is known. Only one may be open at a time. Throws
 * SnapshotError and MetadataError.
 */
export async function openSnapshotter(
  kind: SnapshotterKind,
  options: {
    readonly root: string;
    readonly database: Database;
    readonly namespace: string;
    readonly logger: Logger;
  },
): Promise<Snapshotter & AsyncDisposable> {
  const { root, database, namespace, logger } = options;
  if (!namespacePattern.test(namespace)) {
    throw new SnapshotError(
      "InvalidArgument",
      `${JSON.stringify(namespace)} is not a namespace: letters, digits and single - . _ are allowed`,
    );
  }
  const directories = await SnapshotDirectories.open(join(root, "snapshots", kind, namespace));
  const collection = await database.collection<SnapshotRecord>("snapshots");
  const records = new SnapshotRecords(database, collection, { namespace, snapshotter: kind });
  await dropLostRecords(records, directories, logger);
  const [mover, remover] = [treeThread(), treeThread()];
  const style = kind === "overlayfs" ? await overlayfsStyle(directories.root) : nativeStyle(mover);
  const [walker, meter] = [treeThread(), treeThread()];
  const parts = { records, directories, style, walker, mover, remover, meter, logger };
  return new DirectorySnapshotter(parts);
}
