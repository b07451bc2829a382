import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** A certificate for localhost and further names that is its own CA, in files that begin with `prefix`. */
export async function selfSigned(prefix: string, names: readonly string[] = []) {
  const [certFile, keyFile] = [`${prefix}.crt`, `${prefix}.key`];
  await promisify(execFile)("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"],
    ...[
      "-subj",
      "/CN=localhost",
      "-addext",
      `subjectAltName=${["localhost", ...names].map((name) => `DNS:${name},`).join("")}IP:127.0.0.1`,
    ],
    ...["-keyout", keyFile, "-out", certFile],
  ]);
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { certFile, keyFile, cert, key };
}
