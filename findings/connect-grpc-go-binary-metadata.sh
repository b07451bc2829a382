#!/bin/sh
# gRPC metadata may have several values for one key. In its protocol over HTTP/2 (PROTOCOL-HTTP2.md, Custom-Metadata),
# their headers may be joined with commas, and implementations "must split" binary ones (`-bin`) at the commas before
# decoding. @connectrpc/connect-node 2.3.0 keeps metadata in the Headers class of fetch, which joins them. grpc-go
# 1.85.0 does not split: it rejects the call with HTTP status 400 before any handler or interceptor sees it.
# @grpc/grpc-js works as a client, since it sends each value in its own header, and as a server, since it splits what
# connect-node joins. So a client that works with one value, or with other servers, fails with two values against a
# grpc-go server, and its error says only "HTTP 400".
# Seen with @connectrpc/connect-node 2.3.0, @grpc/grpc-js 1.14.7 and grpc-go 1.85.0, as below.
# Needs npm's registry, Go's module proxy and Go 1.26 or newer.
set -eu
work=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server"; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir server
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@26.10.0 @connectrpc/connect@2.3.0 @connectrpc/connect-node@2.3.0 @bufbuild/protobuf@2.17.0 @grpc/grpc-js@1.14.7
# A server of grpc-go that knows no service: it answers each call with the metadata that it got.
cat >server/main.go <<'GO'
package main

import (
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	answer := func(_ any, stream grpc.ServerStream) error {
		got, _ := metadata.FromIncomingContext(stream.Context())
		return status.Errorf(codes.NotFound, "got %q", got["finding-bin"])
	}
	panic(grpc.NewServer(grpc.UnknownServiceHandler(answer)).Serve(listener))
}
GO
(cd server && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get google.golang.org/grpc@v1.85.0 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/grpc-go" .)
cat >client.mjs <<'JS'
import { create, createFileRegistry } from "@bufbuild/protobuf";
import { file_google_protobuf_empty, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient, encodeBinaryHeader } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import grpc from "@grpc/grpc-js";

// The service of one method, whose messages are empty, so that neither library reads or writes one.
const Empty = ".google.protobuf.Empty";
const file = create(FileDescriptorProtoSchema, {
  name: "finding.proto",
  package: "finding",
  syntax: "proto3",
  dependency: ["google/protobuf/empty.proto"],
  service: [{ name: "Finding", method: [{ name: "Ask", inputType: Empty, outputType: Empty }] }],
});
const service = createFileRegistry(file, () => file_google_protobuf_empty).getService("finding.Finding");
const empty = () => Buffer.alloc(0);
const method = { path: "/finding.Finding/Ask", requestStream: false, responseStream: false };

const server = new grpc.Server();
server.addService(
  { Ask: { ...method, requestSerialize: empty, requestDeserialize: Object, responseSerialize: empty, responseDeserialize: Object } },
  {
    Ask(call, answer) {
      const got = call.metadata.get("finding-bin").map((value) => JSON.stringify(value.toString()));
      answer({ code: grpc.status.NOT_FOUND, details: `got [${got.join(" ")}]` });
    },
  },
);
const port = await new Promise((resolve, reject) =>
  server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
);

async function askByConnect(port, values) {
  const headers = new Headers();
  for (const value of values) headers.append("finding-bin", encodeBinaryHeader(new TextEncoder().encode(value)));
  const client = createClient(service, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
  await client.ask({}, { headers });
}
async function askByGrpc(port, values) {
  const metadata = new grpc.Metadata();
  for (const value of values) metadata.add("finding-bin", Buffer.from(value));
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  await new Promise((resolve, reject) =>
    client.makeUnaryRequest(method.path, empty, Object, {}, metadata, (error) => (error ? reject(error) : resolve())),
  );
}
for (const [client, ask] of Object.entries({ "connect-node": askByConnect, "grpc-js": askByGrpc })) {
  for (const [name, there] of Object.entries({ "grpc-go": process.argv[2], "grpc-js": port })) {
    for (const [count, values] of Object.entries({ "one value": ["first"], "two values": ["first", "second"] })) {
      const said = await ask(there, values).then(() => "done", (error) => error.message);
      console.log(`${client} to ${name}, ${count}: ${said}`);
    }
  }
}
process.exit();
JS
./grpc-go >port &
server=$!
until [ -s port ]; do sleep 0.1; done
node_modules/.bin/node client.mjs "$(cat port)" >seen
cat seen
cat >expected <<'TEXT'
connect-node to grpc-go, one value: [not_found] got ["first"]
connect-node to grpc-go, two values: [internal] HTTP 400
connect-node to grpc-js, one value: [not_found] got ["first"]
connect-node to grpc-js, two values: [not_found] got ["first" "second"]
grpc-js to grpc-go, one value: 5 NOT_FOUND: got ["first"]
grpc-js to grpc-go, two values: 5 NOT_FOUND: got ["first" "second"]
grpc-js to grpc-js, one value: 5 NOT_FOUND: got ["first"]
grpc-js to grpc-js, two values: 5 NOT_FOUND: got ["first" "second"]
TEXT
diff expected seen
