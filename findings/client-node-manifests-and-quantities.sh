#!/bin/sh
# @kubernetes/client-node 2.0.1 reads two things differently from kubectl and Kubernetes' own libraries:
# - loadYaml parses YAML 1.2, but Kubernetes' manifests are YAML 1.1: `defaultMode: 0400`, as in Kubernetes' page on
#   Secrets, is 256 in Kubernetes and 400 with this client. That is the mode 0620, so that a secret meant for its owner
#   can be written by the group. And `yes` is true in Kubernetes, but here a string, which the API rejects for a
#   boolean. There is no error about the mode.
# - Quantities with a fraction and a suffix, such as a memory limit of "1.5Gi", cause an error: topPods and topNodes
#   fail for all pods if one of them has such a limit.
# Seen with 2.0.1, sigs.k8s.io/yaml 1.6.0 and k8s.io/apimachinery 0.34.1, as below.
# Needs npm's registry, Go's module proxy and Go 1.24 or newer.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
mkdir go
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@26.10.0 @kubernetes/client-node@2.0.1
cat >pod.yaml <<'YAML'
apiVersion: v1
kind: Pod
metadata:
  name: finding
spec:
  volumes:
    - name: key
      secret:
        secretName: key
        defaultMode: 0400
  containers:
    - name: main
      stdin: yes
      resources:
        limits:
          memory: 1.5Gi
YAML
cat >read.mjs <<'JS'
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { CoreV1Api, KubeConfig, loadYaml, Metrics, topPods } from "@kubernetes/client-node";

const pod = loadYaml(readFileSync("pod.yaml", "utf8"));
console.log("defaultMode", pod.spec.volumes[0].secret.defaultMode);
console.log("stdin", JSON.stringify(pod.spec.containers[0].stdin));
// An API server that has one pod, and no figures of it.
let memory;
const server = createServer((request, answer) => {
  const limits = { memory };
  const pods = [{ metadata: { name: "finding", namespace: "default" }, spec: { containers: [{ name: "main", resources: { limits } }] } }];
  answer.setHeader("Content-Type", "application/json");
  answer.end(JSON.stringify({ items: request.url.includes("metrics") ? [] : pods }));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const config = new KubeConfig();
config.loadFromClusterAndUser({ name: "here", server: `http://127.0.0.1:${server.address().port}`, skipTLSVerify: true }, { name: "me" });
for (memory of ["1536Mi", "1.5Gi"]) {
  const said = await topPods(config.makeApiClient(CoreV1Api), new Metrics(config), "default").then(
    ([each]) => String(each.Memory.LimitTotal),
    (error) => `${error.name}: ${error.message}`,
  );
  console.log(memory, "is", said);
}
server.close();
JS
cat >go/main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

func main() {
	text, _ := os.ReadFile("../pod.yaml")
	var pod struct {
		Spec struct {
			Volumes    []struct{ Secret struct{ DefaultMode int32 } }
			Containers []struct{ Stdin bool }
		}
	}
	if err := yaml.Unmarshal(text, &pod); err != nil {
		panic(err)
	}
	fmt.Println("defaultMode", pod.Spec.Volumes[0].Secret.DefaultMode)
	fmt.Println("stdin", pod.Spec.Containers[0].Stdin)
	for _, text := range []string{"1536Mi", "1.5Gi"} {
		quantity := resource.MustParse(text)
		fmt.Println(text, "is", quantity.Value())
	}
}
GO
(cd go && go mod init finding.invalid >/dev/null 2>&1 && GOFLAGS=-mod=mod go get sigs.k8s.io/yaml@v1.6.0 k8s.io/apimachinery@v0.34.1 >/dev/null 2>&1)
{
  echo "@kubernetes/client-node"
  node_modules/.bin/node read.mjs
  echo "Kubernetes' libraries"
  (cd go && GOFLAGS=-mod=mod go run .)
} >seen
cat seen
cat >expected <<'TEXT'
@kubernetes/client-node
defaultMode 400
stdin "yes"
1536Mi is 1610612736
1.5Gi is SyntaxError: Cannot convert 1.5 to a BigInt
Kubernetes' libraries
defaultMode 256
stdin true
1536Mi is 1610612736
1.5Gi is 1610612736
TEXT
diff expected seen
