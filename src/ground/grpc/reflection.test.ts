import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  type ClientDuplexStream,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from "@grpc/grpc-js";
import { load } from "@grpc/proto-loader";
import { refusal, serve } from "../../doors/cri/testing/serve.ts";

/** A client as grpcurl is one: made from the published `.proto` of the reflection service. */
async function reflectionClient(
  version: "v1" | "v1alpha",
  channel: Awaited<ReturnType<typeof serve>>["channel"],
) {
  const root = dirname(createRequire(import.meta.url).resolve("@grpc/reflection/package.json"));
  const file = join(root, `build/proto/grpc/reflection/${version}/reflection.proto`);
  const definition = loadPackageDefinition(await load(file, { keepCase: true }));
  const packages = (definition.grpc as GrpcObject).reflection as GrpcObject;
  const Client = (packages[version] as GrpcObject).ServerReflection as ServiceClientConstructor;
  return new Client(...channel);
}

/** Sends one request and gives back its answer. */
function ask(stream: ClientDuplexStream<object, Answer>, request: object): Promise<Answer> {
  return new Promise((resolve, reject) => {
    stream.once("data", resolve).once("error", reject);
    stream.write(request);
  });
}

type Answer = {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
  readonly error_response?: { readonly error_code: number };
};

for (const version of ["v1", "v1alpha"] as const) {
  test(`reflection ${version} tells the services and what they are made of`, async () => {
    await using cri = await serve();
    const client = await reflectionClient(version, cri.channel);
    const stream: ClientDuplexStream<object, Answer> = client.ServerReflectionInfo?.() ?? assert.fail();
    const listed = await ask(stream, { list_services: "" });
    assert.deepEqual(listed.list_services_response?.service.map(({ name }) => name).sort(), [
      "grpc.health.v1.Health",
      "runtime.v1.ImageService",
      "runtime.v1.RuntimeService",
    ]);
    const found = await ask(stream, { file_containing_symbol: "runtime.v1.RuntimeService" });
    const [file] = found.file_descriptor_response?.file_descriptor_proto ?? [];
    const described = fromBinary(FileDescriptorProtoSchema, file ?? assert.fail());
    const service = described.service.find(({ name }) => name === "RuntimeService");
    assert.ok(service?.method.some(({ name }) => name === "RunPodSandbox"));
    // Go's clients refuse a map whose entries are named otherwise.
    const config = described.messageType.find(({ name }) => name === "LinuxPodSandboxConfig");
    assert.equal(config?.nestedType[0]?.name, "SysctlsEntry");
    const none = await ask(stream, { file_containing_symbol: "no.such.Thing" });
    assert.equal(none.error_response?.error_code, 5);
    const ended = new Promise((resolve) => stream.once("end", resolve));
    stream.end();
    await ended;
    client.close();
  });
}

test("a reflection request that is none fails its stream alone", async () => {
  await using cri = await serve();
  const stream = cri.client.makeBidiStreamRequest(
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
  );
  const failed = new Promise((_, reject) => stream.once("error", reject));
  stream.resume();
  stream.write(Buffer.from([0xff, 0xff, 0xff]));
  await assert.rejects(failed, refusal("INTERNAL", /server reflection/));
  assert.equal((await cri.runtime.version({ version: "" })).runtimeName, "memory");
});
