import type { AuthConfig } from "../../../ground/protocol/index.ts";
import type { Credentials } from "../../../parts/registry/index.ts";
import { CriError } from "../errors.ts";

/**
 * The most specific kind that a kubelet sends: a token, a user with a password, or these two in base64.
 * Undefined when it is empty, which asks for an anonymous pull. Throws CriError InvalidArgument, which quotes
 * none of it.
 */
export function toCredentials(auth: AuthConfig | undefined): Credentials | undefined {
  if (auth === undefined) return undefined;
  const server = auth.serverAddress === "" ? {} : { serverAddress: auth.serverAddress };
  if (auth.registryToken !== "") return { kind: "registryToken", token: auth.registryToken, ...server };
  if (auth.identityToken !== "") return { kind: "identityToken", token: auth.identityToken, ...server };
  if (auth.username !== "")
    return { kind: "basic", username: auth.username, password: auth.password, ...server };
  if (auth.auth !== "") return { kind: "basic", ...decodeBasic(auth.auth), ...server };
  return undefined;
}

function decodeBasic(encoded: string): { readonly username: string; readonly password: string } {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded))
    throw new CriError("InvalidArgument", "auth.auth: is not base64");
  const decoded = Buffer.from(encoded, "base64").toString();
  const colon = decoded.indexOf(":");
  if (colon === -1)
    throw new CriError("InvalidArgument", 'auth.auth: does not hold "user:password" in base64');
  // Some clients pad the password with NULs.
  return { username: decoded.slice(0, colon), password: withoutPadding(decoded.slice(colon + 1)) };
}

/**
 * A pattern that ends in `\0+$` takes the square of the time for NULs that something follows, and the text is
 * a pod's.
 */
function withoutPadding(password: string): string {
  let end = password.length;
  while (password[end - 1] === "\0") end--;
  return password.slice(0, end);
}
