#!/bin/sh
# A user in a kubeconfig may have `tokenFile`, the path of a file with the token, which "takes precedence over Token" if
# both are present (kubeconfig v1, AuthInfo). @kubernetes/client-node 2.0.1 ignores it: it sends requests without a
# token, so that the API server sees system:anonymous; or, if the user has both, with the token in the kubeconfig, which
# may have expired. Instead it reads the key `token-file`, which the format does not have. No error mentions any of
# this.
# Seen with @kubernetes/client-node 2.0.1 and k8s.io/client-go 0.37.2, as below.
# Needs npm's registry, Go's module proxy, Go 1.26 or newer and openssl.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir go
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@26.10.0 @kubernetes/client-node@2.0.1
# Two programs that list the nodes, with what KUBECONFIG says.
cat >client-node.mjs <<'JS'
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";

const config = new KubeConfig();
config.loadFromDefault();
await config.makeApiClient(CoreV1Api).listNode();
JS
cat >go/main.go <<'GO'
package main

import (
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		panic(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		panic(err)
	}
	if _, err := client.Get(config.Host + "/api/v1/nodes"); err != nil {
		panic(err)
	}
}
GO
(cd go && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get k8s.io/client-go@v0.37.2 >/dev/null 2>&1 &&
  GOFLAGS=-mod=mod go build -o "$work/client-go" .)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=finding -keyout key.pem -out certificate.pem 2>openssl.log
# An API server without nodes, which says with which token it was asked.
cat >serve.mjs <<'JS'
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { promisify } from "node:util";

const clients = { "client-go": ["./client-go"], "client-node": [process.execPath, "client-node.mjs"] };
const users = {
  token: { token: "of-kubeconfig" },
  tokenFile: { tokenFile: "token" },
  both: { token: "of-kubeconfig", tokenFile: "token" },
  "token-file": { "token-file": "token" },
};
let seen;
const server = createServer({ key: readFileSync("key.pem"), cert: readFileSync("certificate.pem") }, (request, answer) => {
  seen = request.headers.authorization ?? "no token";
  answer.setHeader("Content-Type", "application/json");
  answer.end(JSON.stringify({ apiVersion: "v1", kind: "NodeList", metadata: {}, items: [] }));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const cluster = { server: `https://127.0.0.1:${server.address().port}`, "insecure-skip-tls-verify": true };
writeFileSync("token", "of-file");
for (const [name, [program, ...words]] of Object.entries(clients)) {
  for (const [fields, user] of Object.entries(users)) {
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "here", cluster }],
      users: [{ name: "me", user }],
      contexts: [{ name: "here", context: { cluster: "here", user: "me" } }],
      "current-context": "here",
    };
    writeFileSync("kubeconfig", JSON.stringify(config));
    await promisify(execFile)(program, words, { env: { ...process.env, KUBECONFIG: "kubeconfig" } });
    console.log(`${name}, ${fields}: ${seen}`);
  }
}
server.close();
JS
node_modules/.bin/node serve.mjs >seen
cat seen
cat >expected <<'TEXT'
client-go, token: Bearer of-kubeconfig
client-go, tokenFile: Bearer of-file
client-go, both: Bearer of-file
client-go, token-file: no token
client-node, token: Bearer of-kubeconfig
client-node, tokenFile: no token
client-node, both: Bearer of-kubeconfig
client-node, token-file: Bearer of-file
TEXT
diff expected seen
