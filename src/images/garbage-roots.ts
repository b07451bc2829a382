import type { GarbageNode } from "../gc/index.ts";
import type { Database } from "../metadata/index.ts";
import type { ImageRecord } from "./image-records.ts";

/** What the names of a namespace's images keep from garbage collection, as of the moment the returned function is called. */
export async function garbageRoots(
  database: Database,
  namespace: string,
  snapshotter: string,
): Promise<() => readonly GarbageNode[]> {
  const records = await database.collection<ImageRecord>("images");
  return () => records.list(namespace).flatMap(([, record]) => rootsOf(record, snapshotter));
}

function rootsOf({ target, manifest, chainId }: ImageRecord, snapshotter: string): readonly GarbageNode[] {
  const documents: readonly GarbageNode[] = [
    { kind: "content", digest: target.digest },
    { kind: "content", digest: manifest.digest },
  ];
  return chainId === null ? documents : [...documents, { kind: "snapshot", snapshotter, key: chainId }];
}
