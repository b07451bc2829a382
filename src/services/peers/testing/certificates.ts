import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Files of an authority and of a node's certificate, for 127.0.0.1 and `node.example.test`. */
export async function nodeCertificates(directory: string, name: string) {
  const file = (suffix: string) => join(directory, `${name}.${suffix}`);
  const authority = ["-subj", `/CN=${name} authority`, "-keyout", file("ca.key"), "-out", file("ca.pem")];
  await run("openssl", ["req", "-x509", ...newKey, "-days", "1", ...authority]);
  const subject = ["-subj", "/CN=node", "-keyout", file("key"), "-out", file("csr")];
  await run("openssl", ["req", "-new", ...newKey, ...subject]);
  await writeFile(file("ext"), "subjectAltName=DNS:node.example.test,IP:127.0.0.1\n");
  const signing = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-days", "1", "-extfile", file("ext")];
  await run("openssl", ["x509", "-req", "-in", file("csr"), ...signing, "-out", file("pem")]);
  return { certificateFile: file("pem"), keyFile: file("key"), caFile: file("ca.pem") };
}
