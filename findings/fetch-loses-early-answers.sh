#!/bin/sh
# A server may respond before it has read the whole request body, for instance with 401 to an upload whose token has
# expired. Over HTTP/2, Go's servers then end the stream with RST_STREAM NO_ERROR, and the client must not discard the
# response (RFC 9113, 8.1). Node 26.10.0's fetch (undici 8.10.2) and undici 8.13.1, which use HTTP/2 with every server
# that offers it, discard it if more than 10 MB of the body are waiting to be sent, and cannot use the connection any
# more. The reason: Node's http2 counts waiting data as memory of the connection (maxSessionMemory, 10 MB), rejects what
# would add to it with ENHANCE_YOUR_CALM, including responses, and still counts the body after its stream has ended. So
# a program that pushes a large layer as bytes or a Blob, over TLS, to a registry that requires a new token gets "fetch
# failed", and so does every other request to that registry, including the one for the token, while the connection is in
# use. With a body of 1 MB, and with HTTP/1.1 (allowH2: false), the response arrives, and the connection still works.
# Seen with the registry 3.1.2, as below.
# Needs npm's registry, Go's module proxy, Go 1.26 or newer, curl, openssl, iproute2, util-linux and root, for a private
# network namespace.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir build
registry=github.com/distribution/distribution/v3
(cd build && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get $registry/cmd/registry@v3.1.2 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod CGO_ENABLED=0 go build -o "$work/registry" $registry/cmd/registry)
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@26.10.0 undici@8.13.1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
  -keyout key.pem -out cert.pem 2>/dev/null
# Nobody's password: every request is answered with 401.
printf 'somebody:$2y$05$%s\n' 0123456789012345678901.234567890123456789012345678901 >htpasswd
cat >registry.yml <<YML
version: 0.1
storage: {filesystem: {rootdirectory: $work/data}}
auth: {htpasswd: {realm: finding, path: $work/htpasswd}}
http: {addr: "127.0.0.1:5000", tls: {certificate: $work/cert.pem, key: $work/key.pem}}
YML
cat >check.mjs <<'JS'
import { Agent, fetch as undiciFetch } from "undici";

/** Says what an upload, and five requests after it, are answered. */
async function outcomes(name, size, fetch, options) {
  const status = async (path, method, body) => {
    const answer = await fetch(`https://localhost:5000/v2/${path}`, { method, body, ...options });
    await answer.text();
    return answer.status;
  };
  const outcome = (...request) => status(...request).catch(({ cause }) => cause.message.replace(/.*NGHTTP2_/, ""));
  // So that there is a connection.
  await outcome("", "GET");
  // Its error is one of two, whichever Node sees first.
  const upload = await status("some/image/blobs/uploads/?digest=sha256:0", "POST", Buffer.alloc(size)).catch(() => "no answer");
  const later = new Set();
  for (let time = 0; time < 5; time++) later.add(await outcome("", "GET"));
  console.log(`${name}, ${size} bytes: ${upload}; after it ${[...later].join(", ")}`);
}

await outcomes("fetch", 1e6, fetch);
await outcomes("undici", 1e6, undiciFetch);
await outcomes("undici with HTTP/1.1", 64e6, undiciFetch, { dispatcher: new Agent({ allowH2: false }) });
await outcomes("undici", 64e6, undiciFetch);
await outcomes("fetch", 64e6, fetch);
process.exit();
JS
cat >try.sh <<'SH'
ip link set lo up
export OTEL_TRACES_EXPORTER=none
./registry serve registry.yml >registry.log 2>&1 & registry=$!
trap 'kill $registry' EXIT
until curl -ks https://localhost:5000/v2/ >/dev/null; do kill -0 $registry; sleep 0.1; done
NODE_EXTRA_CA_CERTS=cert.pem node_modules/.bin/node check.mjs
SH
unshare --net --mount sh try.sh >seen
cat seen
cat >expected <<'TEXT'
fetch, 1000000 bytes: 401; after it 401
undici, 1000000 bytes: 401; after it 401
undici with HTTP/1.1, 64000000 bytes: 401; after it 401
undici, 64000000 bytes: no answer; after it ENHANCE_YOUR_CALM
fetch, 64000000 bytes: no answer; after it ENHANCE_YOUR_CALM
TEXT
diff expected seen
