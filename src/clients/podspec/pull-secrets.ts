import { isRecord } from "../../ground/json/index.ts";
import { AuthConfig } from "../../ground/protocol/index.ts";
import { parseReference } from "../../parts/oci/index.ts";
import { authsCredentials } from "../../parts/registry/index.ts";
import type { PodContext } from "./context.ts";
import { PodSpecError } from "./errors.ts";
import { dataOf } from "./object-data.ts";
import type { Pod } from "./pod.ts";

/**
 * The credentials in the pod's `imagePullSecrets` for the registry of an image, in their order. A missing or
 * invalid secret is reported to `onProblem`, without its contents: the others, and the machine's own
 * credentials, may be enough.
 */
export function pullSecrets(
  { spec, metadata: { namespace } }: Pod,
  { objects }: Pick<PodContext, "objects">,
  image: string,
  onProblem: (message: string) => void,
): readonly AuthConfig[] {
  const secrets = spec.imagePullSecrets ?? [];
  if (secrets.length === 0) return [];
  const { host, repository } = parseReference(image);
  return secrets.flatMap(({ name }) => {
    const title = `Secret ${namespace}/${name}`;
    try {
      const secret = objects.secret(namespace, name);
      if (secret === undefined) throw new PodSpecError("NotFound", `${title} not found`);
      const found = authsCredentials(authsOf(dataOf(secret), title), title, host, repository);
      return found.map((one) =>
        AuthConfig.fromPartial(
          one.kind === "basic"
            ? { username: one.username, password: one.password }
            : { [one.kind]: one.token },
        ),
      );
    } catch (error) {
      onProblem(error instanceof Error ? error.message : String(error));
      return [];
    }
  });
}

/** The `auths` of a secret of type kubernetes.io/dockerconfigjson or kubernetes.io/dockercfg. */
function authsOf(data: ReadonlyMap<string, Buffer>, title: string): Readonly<Record<string, unknown>> {
  const [whole, old] = [data.get(".dockerconfigjson"), data.get(".dockercfg")];
  const parsed = parse(whole ?? old);
  const auths = whole === undefined ? parsed : isRecord(parsed) ? parsed.auths : undefined;
  if (isRecord(auths)) return auths;
  throw new PodSpecError(
    "InvalidArgument",
    `${title} has neither .dockerconfigjson with auths nor .dockercfg: it has no credentials for registries`,
  );
}

/** The parser's message is left out, as it quotes the text, which contains passwords. */
function parse(text: Buffer | undefined): unknown {
  try {
    return JSON.parse(text?.toString() ?? "");
  } catch {
    return undefined;
  }
}
