import { IngestFile } from "../content/index.ts";
import { fetchFromPeers, type PeerOutcome, type PeerSink } from "../peers/index.ts";
import { BlobRoom } from "./blob-room.ts";
import type { PeerJob } from "./worker-messages.ts";

/** Fetches a blob from peers, into the file of an ingest, or, without one, as bytes. */
export async function runPeerJob(
  { peers, access, blob, ingest, minFreePercent }: PeerJob,
  signal: AbortSignal,
  onBytes: (received: number) => void,
): Promise<{ readonly outcome: PeerOutcome; readonly bytes: Uint8Array | undefined }> {
  if (ingest === undefined) {
    const chunks: Uint8Array[] = [];
    const sink: PeerSink = {
      write: (chunk) => void chunks.push(chunk),
      restart: async () => void chunks.splice(0),
    };
    const outcome = await fetchFromPeers(peers, access, blob, sink, signal);
    return { outcome, bytes: outcome.from === undefined ? undefined : Buffer.concat(chunks) };
  }
  await using file = await IngestFile.open(ingest);
  const room = new BlobRoom(ingest, minFreePercent, blob.digest);
  const sink: PeerSink = {
    write: (chunk) => {
      room.take(chunk.length);
      file.appendNow(chunk);
      onBytes(file.offset);
    },
    restart: () => file.truncate(),
  };
  try {
    return { outcome: await fetchFromPeers(peers, access, blob, sink, signal), bytes: undefined };
  } catch (error) {
    // The bytes are not verified, so nobody may resume from them.
    await file.truncate();
    throw error;
  }
}
