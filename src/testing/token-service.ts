import { execFile } from "node:child_process";
import { createPrivateKey, randomUUID, sign, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startFakeRegistry } from "./fake-registry.ts";
import { tempDir } from "./temp-dir.ts";

/** What makes tokens that a real registry takes. */
export type TokenService = AsyncDisposable & {
  readonly realm: string;
  readonly certificateFile: string;
  /** The scopes of each token that it was asked for. */
  readonly asked: readonly (readonly string[])[];
};

/** Name of who makes the tokens and of whom they are for; the same, as nothing depends on it. */
export const tokenParty = "test";

/**
 * Serves tokens (distribution, spec/auth/token) with all that is asked for, less the actions that `allows`
 * refuses, to whoever brings the `authorization`.
 */
export async function startTokenService(
  authorization: string,
  allows: (repository: string, action: string) => boolean = () => true,
): Promise<TokenService> {
  await using undo = new AsyncDisposableStack();
  const { path } = undo.use(await tempDir());
  const keyFile = join(path, "key.pem");
  const certificateFile = join(path, "cert.pem");
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", keyFile];
  const certificate = ["-subj", "/CN=tokens", "-days", "2", "-out", certificateFile];
  await promisify(execFile)("openssl", ["req", "-x509", ...key, ...certificate]);
  const privateKey = createPrivateKey(await readFile(keyFile));
  const { raw } = new X509Certificate(await readFile(certificateFile));
  const header = { typ: "JWT", alg: "ES256", x5c: [raw.toString("base64")] };
  const asked: (readonly string[])[] = [];

  const server = undo.use(
    await startFakeRegistry({}, (request, response) => {
      if (request.headers.authorization !== authorization) {
        response.writeHead(401).end();
        return true;
      }
      const scopes = new URL(request.url ?? "", "http://x").searchParams.getAll("scope");
      asked.push(scopes);
      const access = scopes.map((scope) => {
        const [type = "", name = "", actions = ""] = scope.split(":");
        return { type, name, actions: actions.split(",").filter((action) => allows(name, action)) };
      });
      response.writeHead(200).end(JSON.stringify({ token: tokenWith(access), expires_in: 300 }));
      return true;
    }),
  );

  function tokenWith(access: readonly object[]): string {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const times = { iat: nowSeconds, nbf: nowSeconds - 60, exp: nowSeconds + 300 };
    const claims = { iss: tokenParty, aud: tokenParty, sub: "me", jti: randomUUID(), ...times, access };
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    const text = `${encode(header)}.${encode(claims)}`;
    const signature = sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return `${text}.${signature.toString("base64url")}`;
  }

  const opened = undo.move();
  return {
    realm: `http://${server.host}/token`,
    certificateFile,
    asked,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
