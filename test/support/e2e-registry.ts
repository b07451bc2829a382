import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pushImage, startRegistry } from "../../src/testing/registry.ts";
import { tempDir } from "../../src/testing/temp-dir.ts";
import { busyboxImage } from "./busybox.ts";

/** What serves a web page where the original has nginx. */
const web = (port: number) => ({
  layers: [[{ name: "www/index.html", content: "a page\n" }]],
  config: { Cmd: ["/bin/httpd", "-f", "-p", String(port), "-h", "/www"] },
});

/** Stand-ins for the images that critest asks for, made of busybox. */
const standIns = [
  { host: "registry.k8s.io", name: "e2e-test-images/busybox", tag: "1.29-2", image: {} },
  { host: "registry.k8s.io", name: "e2e-test-images/nginx", tag: "1.14-2", image: web(80) },
  {
    host: "gcr.io",
    name: "k8s-staging-cri-tools/hostnet-nginx-amd64",
    tag: "latest",
    image: web(12_003),
  },
] as const;

/** A loopback registry in the place of Kubernetes' own, and a directory with the hosts.toml files that say so. */
export async function startE2eRegistry(): Promise<AsyncDisposable & { readonly certsDir: string }> {
  await using undo = new AsyncDisposableStack();
  const certsDir = undo.use(await tempDir()).path;
  const registry = undo.use(await startRegistry());
  const url = JSON.stringify(`http://${registry.host}`);
  for (const { host, name, tag, image } of standIns) {
    await pushImage(registry, name, tag, await busyboxImage(image));
    await mkdir(join(certsDir, host), { recursive: true });
    await writeFile(
      join(certsDir, host, "hosts.toml"),
      `server = ${url}\n[host.${url}]\ncapabilities = ["pull", "resolve"]\n`,
    );
  }
  const done = undo.move();
  return { certsDir, [Symbol.asyncDispose]: () => done.disposeAsync() };
}
