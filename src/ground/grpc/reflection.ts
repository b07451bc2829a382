import { on } from "node:events";
import type { Worker } from "node:worker_threads";
import { startThread, threadFile } from "../threads/index.ts";
import { GrpcError } from "./errors.ts";
import { defineService, type GrpcService } from "./service.ts";

/** Full names of the service's versions: older clients know only the second. */
const versions = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/** The thread's workerData. */
export type ReflectionData = {
  /** The requested version. */
  readonly service: string;
  readonly services: readonly string[];
};

/**
 * gRPC server reflection (https://grpc.io/docs/guides/reflection/), for tools such as grpcurl. Its
 * implementation, a parser of `.proto` files, is as large as the rest of the server and rarely used: each
 * stream gets a thread that loads it, and that ends with the stream. Here requests and responses are bytes.
 * `services` are the full names of the served services.
 */
export function reflectionServices(services: readonly string[]): readonly GrpcService[] {
  return versions.map((service) =>
    defineService(
      bytesDefinition(`/${service}/ServerReflectionInfo`),
      {
        serverReflectionInfo: (requests, { signal }) =>
          answerInWorker(requests, { service, services }, signal),
      },
      { quiet: ["serverReflectionInfo"], endless: ["serverReflectionInfo"] },
    ),
  );
}

function bytesDefinition(path: string) {
  const asIs = (bytes: Buffer) => bytes;
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return { serverReflectionInfo: { path, requestStream: true, responseStream: true, ...codec } } as const;
}

/** The thread gets requests, and null for their end; it returns responses in the same way. */
async function* answerInWorker(
  requests: AsyncIterable<Buffer>,
  workerData: ReflectionData,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  await using worker = startReflection(workerData);
  const failed = new AbortController();
  const messages = on(worker, "message", { signal: AbortSignal.any([signal, failed.signal]) });
  forward(requests, worker).catch((error: unknown) => failed.abort(error));
  try {
    for await (const [bytes] of messages) {
      if (bytes === null) return;
      yield Buffer.from(bytes as Uint8Array);
    }
  } catch (cause) {
    signal.throwIfAborted();
    failed.signal.throwIfAborted();
    throw new GrpcError("Internal", "server reflection", { cause });
  }
}

async function forward(requests: AsyncIterable<Buffer>, worker: Worker): Promise<void> {
  for await (const bytes of requests) worker.postMessage(Uint8Array.from(bytes));
  worker.postMessage(null);
}

function startReflection(workerData: ReflectionData): Worker {
  const file = threadFile(import.meta.url, "./reflection-worker");
  return startThread(file, { name: "reflection", workerData, execArgv: [] });
}
