/** docs/docker-fields.md says what becomes of each field of CRI's configurations: here it is held to that. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import type { NewContainer } from "../../parts/dockerapi/index.ts";
import { type CriField, criMessages } from "../../testing/cri-fields.ts";
import { readProjectFile } from "../../testing/docs.ts";
import { tempDir } from "../../testing/temp-dir.ts";
import { type AskedEngine, containerBodyOf, sandboxBodyOf } from "./testing/bodies.ts";

const whos = ["Docker", "Docker 25", "Docker 28", "berth", "SELinux", "refused", "door", "see"] as const;
type Who = (typeof whos)[number];

const messages = await criMessages();
const page = await readProjectFile("docs/docker-fields.md");

/** Who has each field, by `Message.field`. */
const rows = new Map<string, Who>();
for (const section of page.split(/^### /m).slice(1)) {
  const [heading = "", ...lines] = (section.split(/^## /m)[0] ?? "").split("\n");
  for (const line of lines.filter((each) => each.startsWith("| `"))) {
    const [, names = "", who = ""] = line.split("|").map((cell) => cell.trim());
    const known = whos.find((each) => each === who);
    if (known === undefined) throw new Error(`${heading}: nobody is called ${JSON.stringify(who)}`);
    for (const [, name] of names.matchAll(/`(\w+)`/g)) rows.set(`${heading}.${name}`, known);
  }
}

test("docs/docker-fields.md lists every message, and every field of the two configurations", () => {
  const headings = new Set([...rows.keys()].map((key) => key.split(".")[0] ?? ""));
  const fields = [...headings].flatMap((message) =>
    (messages.get(message) ?? []).map(({ name }) => `${message}.${name}`),
  );
  assert.deepEqual([...rows.keys()].toSorted(), fields.toSorted());
  const others = [...(page.split(/^## Other messages$/m)[1] ?? "").matchAll(/`(\w+)`/g)].map(
    ([, name]) => name,
  );
  const named = [...headings, ...others.filter((name) => messages.has(name ?? ""))];
  assert.deepEqual(named.toSorted(), [...messages.keys()].toSorted());
});

const scratch = await tempDir();
after(() => scratch[Symbol.asyncDispose]());
const profile = join(scratch.path, "profile.json");
await writeFile(profile, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW" }));

/**
 * What a field needs beside it to mean something, and a value that is not its zero, where 1 or "1" will not
 * do.
 */
const samples: Readonly<Record<string, { readonly beside?: object; readonly value?: unknown }>> = {
  "NamespaceOption.network": { value: 2 },
  "NamespaceOption.pid": { value: 2 },
  "NamespaceOption.ipc": { value: 2 },
  "NamespaceOption.targetId": { beside: { pid: 3 } },
  "CgroupNamespace.mode": { value: 2 },
  // POD, with mappings, is 0.
  "UserNamespace.mode": { value: 0 },
  "LinuxSandboxSecurityContext.runAsGroup": { beside: { runAsUser: { value: 7n } } },
  "LinuxContainerSecurityContext.runAsGroup": { beside: { runAsUser: { value: 7n } } },
  "LinuxSandboxSecurityContext.seccompProfilePath": { value: "runtime/default" },
  "LinuxContainerSecurityContext.seccompProfilePath": { value: "runtime/default" },
  "LinuxContainerSecurityContext.apparmorProfile": { value: "unconfined" },
  "SecurityProfile.localhostRef": { beside: { profileType: 2 }, value: profile },
  "SecurityProfile.ociRef": { beside: { profileType: 3 } },
  "LinuxContainerResources.memorySwapLimitInBytes": { beside: { memoryLimitInBytes: 1n }, value: 2n },
  "LinuxPodSandboxConfig.sysctls": { value: { "net.core.somaxconn": "1" } },
  "HugepageLimit.pageSize": { beside: { limit: 1n } },
  "KeyValue.value": { beside: { key: "1" }, value: Buffer.from("1") },
  "Mount.containerPath": { value: "/1" },
  "Mount.hostPath": { value: "/proc" },
  "Mount.propagation": { value: 1, beside: { hostPath: "/proc" } },
  "Mount.recursiveReadOnly": { beside: { readonly: true } },
  "Mount.image": { value: { image: "1" } },
  "Mount.imageSubPath": { beside: { image: { image: "1" } } },
};
const besideInEach: Readonly<Record<string, object>> = {
  Mount: { hostPath: "/tmp", containerPath: "/mnt" },
  Device: { hostPath: "/dev/null" },
};
/**
 * What a configuration has in its messages and is not its own to choose: the door refuses it, or the pod has
 * it.
 */
const notOf: Readonly<Record<string, readonly string[]>> = {
  PodSandboxConfig: ["NamespaceOption.target_id", "NamespaceOption.cgroupns_options"],
  ContainerConfig: ["NamespaceOption.network", "NamespaceOption.ipc"],
};

/** One field of a configuration: with its zero, and with a value. */
type Case = {
  readonly path: string;
  readonly name: string;
  readonly who: Who;
  readonly base: object;
  readonly set: object;
};

function casesOf(root: string, message = root, path: readonly string[] = []): readonly Case[] {
  return (messages.get(message) ?? []).flatMap((field) => {
    const key = `${message}.${field.name}`;
    const who = rows.get(key);
    if (who === undefined || notOf[root]?.includes(key)) return [];
    const inner =
      who === "see"
        ? casesOf(root, field.type, [...path, field.name])
        : [
            {
              path: [...path, field.name].join("."),
              name: field.name,
              who,
              base: {},
              set: valueOf(message, field),
            },
          ];
    return inner.map((each) => ({ ...each, ...wrapped(message, field, who === "see", each) }));
  });
}

function wrapped(
  message: string,
  field: CriField,
  isMessage: boolean,
  { base, set }: Pick<Case, "base" | "set">,
) {
  const name = camelCase(field.name);
  const beside = { ...besideInEach[message], ...samples[`${message}.${name}`]?.beside };
  const within = (value: object) => ({ ...beside, [name]: isMessage && field.isRepeated ? [value] : value });
  return { base: isMessage ? within(base) : beside, set: within(set) };
}

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

// biome-ignore lint: the protocol's types are known by their names alone
function valueOf(message: string, { name, type, isRepeated }: CriField): any {
  const sample = samples[`${message}.${camelCase(name)}`]?.value;
  if (sample !== undefined) return sample;
  const one = type.startsWith("map<")
    ? { 1: "1" }
    : (({ string: "1", bool: true, int64: 1n, uint64: 1n } as Record<string, unknown>)[type] ??
      (messages.has(type) ? {} : 1));
  return isRepeated ? [one] : one;
}

const roots = [
  { root: "PodSandboxConfig", bodyOf: (config: object) => sandboxBodyOf(config) },
  { root: "ContainerConfig", bodyOf: containerBodyOf },
] as const;

for (const { root, bodyOf } of roots) {
  /** Without the configuration itself, which is kept in a label. */
  const asked = async (config: object, engine: AskedEngine = {}) => {
    const body: NewContainer = await bodyOf(config, engine);
    const { "berth.config": _, "berth.name": _name, ...Labels } = body.Labels;
    return { ...body, Labels };
  };
  test(`each field of ${root} is sent to Docker, handled by berth or refused by name, as the page says`, async (t) => {
    // There are no pulled profiles of AppArmor: the door refuses them.
    const cases = casesOf(root).filter(({ path }) => !path.endsWith("apparmor.oci_ref"));
    assert.ok(cases.length > 30, `${cases.length}`);
    for (const { path, name, who, base, set } of cases) {
      const changes = async (engine: AskedEngine = {}) => {
        // A mount that propagates needs a source that does, of which machines have none or some.
        const after = await asked(set, engine).catch((error: Error) => {
          if (name === "propagation" && /shared or slave mount/.test(error.message)) return undefined;
          throw error;
        });
        assert.notDeepEqual(after, await asked(base, engine).catch(() => "refused"));
      };
      const isRefused = () =>
        assert.rejects(asked(set), (error: Error & { code?: string }) => {
          assert.equal(error.code, "Unimplemented");
          const words = path.split(".").flatMap((part) => [part, camelCase(part)]);
          assert.ok(
            words.some((word) => error.message.split(" cannot ")[0]?.includes(word)),
            error.message,
          );
          return true;
        });
      await t.test(`${path}: ${who}`, async () => {
        switch (who) {
          case "Docker":
            return await changes();
          case "Docker 25":
            await isRefused();
            return await changes({ api: "1.44" });
          case "Docker 28":
            await isRefused();
            return await changes({ api: "1.48" });
          case "SELinux":
            assert.deepEqual(await asked(set), await asked(base));
            return await changes({ hasSelinux: true });
          case "berth":
            return assert.deepEqual(await asked(set), await asked(base));
          case "refused":
            return await isRefused();
        }
      });
    }
  });
}
