/** The thread that owns the SQLite file: opens it, answers commits, closes it. */
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../errors/index.ts";
import { sentError, threadIsLoaded } from "../threads/index.ts";
import { keepFreePages } from "./file-room.ts";
import { keepRoom } from "./log-room.ts";
import { toMetadataError } from "./sqlite-errors.ts";
import { checkStructure, collectionNames, openSqlite, readRecords } from "./sqlite-file.ts";
import { commitBatches } from "./transaction.ts";
import type { WorkerReply, WorkerRequest, WorkerStart } from "./worker-messages.ts";

threadIsLoaded();

const { path } = workerData as WorkerStart;

function reply(message: WorkerReply): void {
  parentPort?.postMessage(message);
}

function serve(): void {
  const { db, migratedFrom } = openSqlite(path);
  for (const collection of collectionNames(db)) {
    for (const rows of readRecords(db, collection)) reply({ kind: "records", collection, rows });
  }
  checkStructure(db, path);
  reply({ kind: "opened", migratedFrom });
  let keepsRoom = false;
  try {
    keepRoom(path);
    keepFreePages(db, path);
    keepsRoom = true;
  } catch (error) {
    reply({ kind: "withoutRoom", reason: messageOf(error) });
  }
  parentPort?.on("message", (request: WorkerRequest) => {
    if (request.kind === "commit") {
      reply({ kind: "committed", outcomes: commitBatches(db, request, path, keepsRoom) });
      if (keepsRoom) afterCommit(db);
      return;
    }
    db.close();
    parentPort?.close();
  });
}

function afterCommit(db: DatabaseSync): void {
  try {
    keepFreePages(db, path);
  } catch {
    // It is tried again after the next commit, which itself reports a failing disk.
  }
}

try {
  serve();
} catch (error) {
  reply({ kind: "refused", error: sentError(toMetadataError(error, "opening database", path)) });
}
