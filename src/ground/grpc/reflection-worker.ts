/** The thread behind {@link "./reflection.ts"}: serves one stream of the reflection service. */
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { threadIsLoaded } from "../threads/index.ts";
import type { ReflectionData } from "./reflection.ts";

threadIsLoaded();

/** Relative to the source, or to the bundled program. */
const protoPath = import.meta.url.endsWith(".ts") ? "../../../proto/" : "../proto/";
const descriptors = new URL(`${protoPath}descriptors.binpb`, import.meta.url);

type Handlers = Readonly<Record<string, (stream: EventEmitter & AnswerStream) => void>>;
type AnswerStream = { write(message: object): void; end(): void };
type Method = {
  readonly definition: MethodDefinition<object, object>;
  readonly answer: Handlers[string] | undefined;
};

/**
 * The library's own implementation. It adds each version to a gRPC server: here, one that only records it.
 */
function reflectionMethod({ service, services }: ReflectionData): Method {
  const found: Method[] = [];
  const server = {
    addService: (methods: ServiceDefinition, handlers: Handlers) => {
      for (const [name, definition] of Object.entries(methods))
        if (definition.path.startsWith(`/${service}/`))
          found.push({ definition: definition as Method["definition"], answer: handlers[name] });
    },
  };
  const reflection = new ReflectionService(describedFiles(), { services: [...services] });
  reflection.addToServer(server as unknown as Parameters<ReflectionService["addToServer"]>[0]);
  const [method] = found;
  if (method === undefined) throw new Error(`service ${service} not found`);
  return method;
}

/** The `.proto` files as buf describes them: the library's own descriptors have maps that Go rejects. */
function describedFiles(): ConstructorParameters<typeof ReflectionService>[0] {
  const { file } = fromBinary(FileDescriptorSetSchema, readFileSync(descriptors));
  const fileDescriptorProtos = file.map((one) => Buffer.from(toBinary(FileDescriptorProtoSchema, one)));
  return { files: { format: "Protocol Buffer 3 DescriptorProto", type: {}, fileDescriptorProtos } };
}

const { definition, answer } = reflectionMethod(workerData as ReflectionData);
const stream = Object.assign(new EventEmitter(), {
  write: (message: object) => parentPort?.postMessage(Uint8Array.from(definition.responseSerialize(message))),
  end: () => parentPort?.postMessage(null),
});
answer?.(stream);
parentPort?.on("message", (bytes: Uint8Array | null) => {
  if (bytes === null) stream.emit("end");
  else stream.emit("data", definition.requestDeserialize(Buffer.from(bytes)));
});
