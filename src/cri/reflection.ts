import type { Worker } from "node:worker_threads";
import { type ServerDuplexStream, type ServiceDefinition, status } from "@grpc/grpc-js";
import { messageOf } from "../errors/index.ts";
import type { Logger } from "../logging/index.ts";
import { startThread, threadFile } from "../threads/index.ts";

/** Full names of the service's versions: older clients know the second alone. */
const versions = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];

/** What the thread is started with. */
export type ReflectionData = {
  /** The version that is asked. */
  readonly service: string;
  readonly services: readonly string[];
};

type ReflectionStream = ServerDuplexStream<Buffer, Buffer>;

/**
 * gRPC server reflection (https://grpc.io/docs/guides/reflection/), by which people look at services with grpcurl and its
 * like. What answers it, a parser of `.proto` files, is as large as the rest of the server and hardly ever asked for: each
 * stream gets a thread that loads it, and that ends with the stream. Here requests and answers are bytes. `services` are the
 * full names of what is served.
 */
export function reflectionServices(services: readonly string[], logger: Logger) {
  return versions.map((service) => ({
    definition: bytesDefinition(`/${service}/ServerReflectionInfo`),
    handlers: {
      serverReflectionInfo: (stream: ReflectionStream) => {
        logger.debug({ method: "ServerReflectionInfo" }, "call");
        answerInWorker(stream, { service, services });
      },
    },
  }));
}

function bytesDefinition(path: string): ServiceDefinition {
  const asIs = (bytes: Buffer) => bytes;
  const codec = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return { serverReflectionInfo: { path, requestStream: true, responseStream: true, ...codec } };
}

/** The thread gets requests, and null for their end; it gives back answers in the same way. */
function answerInWorker(stream: ReflectionStream, workerData: ReflectionData): void {
  let worker: Worker;
  try {
    const file = threadFile(import.meta.url, "./reflection-worker");
    worker = startThread(file, { name: "reflection", workerData, execArgv: [] });
  } catch (error) {
    stream.emit("error", {
      code: status.RESOURCE_EXHAUSTED,
      details: `server reflection: ${messageOf(error)}`,
    });
    return;
  }
  const end = () => void worker.terminate();
  worker.on("message", (bytes: Uint8Array | null) => {
    if (bytes !== null) return void stream.write(Buffer.from(bytes));
    stream.end();
    end();
  });
  worker.on("error", (error) => {
    stream.emit("error", { code: status.INTERNAL, details: `server reflection: ${messageOf(error)}` });
    end();
  });
  stream.on("data", (bytes: Buffer) => worker.postMessage(Uint8Array.from(bytes)));
  stream.on("end", () => worker.postMessage(null));
  stream.on("cancelled", end);
}
