import { basename } from "node:path";
import { ask } from "./ask.ts";
import type { HandlerFeatures, RuncLikeHandler } from "./handler.ts";

/** What an OCI runtime's program reports about itself. */
export type ProgramFacts = Pick<RuncLikeHandler, "type" | "version" | "features"> & {
  /** Why it reported no version. If `late`, the program may work, on a busy machine. */
  readonly failure?: { readonly kind: "late" | "failed"; readonly message: string };
  /** Whether the program answered every question in time, so that there is nothing more to learn. */
  readonly isCertain: boolean;
};

/**
 * Runs `--version` and `features` (runtime-spec, features.md), each for at most that long. A program that
 * answers neither has version ""; older ones have no `features`.
 */
export async function askProgram(path: string, answerMs: number): Promise<ProgramFacts> {
  const [versionAnswer, featuresAnswer] = await Promise.all([
    ask(path, "--version", answerMs),
    ask(path, "features", answerMs),
  ]);
  const answers = [versionAnswer, featuresAnswer];
  const [versionText = "", featuresText = ""] = answers.map(({ stdout, failure }) => (failure ? "" : stdout));
  const [, program = basename(path), version = ""] = /^(\S+) version (\S+)/.exec(versionText) ?? [];
  const type = program === "crun" || program === "runc" ? program : "other";
  const checkpoint = canCheckpoint(type, versionText, featuresText);
  const features = parseFeatures(featuresText) ?? knownFeatures(type, version);
  const { failure } = versionAnswer;
  return {
    type,
    version,
    features: {
      ...features,
      checkpoint,
      idMappingsInSpec: type !== "crun",
      readOnlySysfsForAll: type === "runc",
    },
    ...(failure !== undefined && { failure }),
    isCertain: !answers.some((answer) => answer.failure?.kind === "late"),
  };
}

type SpecFeatures = Pick<HandlerFeatures, "recursiveReadOnlyMounts" | "userNamespaces" | "cgroupNamespaces">;

/**
 * Both annotate their `features` with it. Of versions without that command, crun lists what it was built with
 * behind its version, and runc always can.
 */
function canCheckpoint(type: RuncLikeHandler["type"], versionText: string, featuresText: string): boolean {
  if (featuresText !== "")
    return /"(?:org\.opencontainers\.runc|run\.oci\.crun)\.checkpoint\.enabled":\s*"true"/.test(featuresText);
  return type === "runc" || (type === "crun" && /^\+(?:.* \+)?CRIU\b/m.test(versionText));
}

function parseFeatures(text: string): SpecFeatures | undefined {
  try {
    const features: FeaturesOutput = JSON.parse(text);
    return {
      recursiveReadOnlyMounts: features.mountOptions?.includes("rro") ?? false,
      userNamespaces: features.linux?.namespaces?.includes("user") ?? false,
      cgroupNamespaces: features.linux?.namespaces?.includes("cgroup") ?? false,
    };
  } catch {
    return undefined;
  }
}

type FeaturesOutput = {
  readonly mountOptions?: readonly string[];
  readonly linux?: { readonly namespaces?: readonly string[] };
};

/**
 * For versions without `features`: crun got `rro` with 1.4. User namespaces can be joined with crun 1 and
 * with runc 1.1, which was the first to open the sources of mounts before it joins; cgroup namespaces with
 * either's version 1.
 */
function knownFeatures(type: RuncLikeHandler["type"], version: string): SpecFeatures {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isAtLeast = (wanted: number) => major > 1 || (major === 1 && minor >= wanted);
  return {
    recursiveReadOnlyMounts: type === "crun" && isAtLeast(4),
    userNamespaces: (type === "crun" && isAtLeast(0)) || (type === "runc" && isAtLeast(1)),
    cgroupNamespaces: type !== "other" && isAtLeast(0),
  };
}
