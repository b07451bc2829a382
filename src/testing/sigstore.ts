import { execFile } from "node:child_process";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What a certificate says; what is left out is as Fulcio has it. */
export type CertificateRequest = {
  /** `email:someone@example.test`, `DNS:host.example`; as OpenSSL writes them. */
  readonly subject?: string;
  /** OpenID Connect; written in both of Fulcio's ways. `null`: in none. */
  readonly issuer?: string | null;
  readonly usage?: string;
  readonly keyUsage?: string;
  /** OpenSSL's lines for further extensions. */
  readonly extensions?: readonly string[];
  readonly validFrom?: Date;
  readonly validTo?: Date;
  /** Name of the certificate whose key signs it: `root`, or `intermediate` when left out. */
  readonly by?: string;
};

export type TestCertificate = {
  readonly name: string;
  readonly pem: string;
  readonly privateKey: KeyObject;
};

const defaultIssuer = "https://accounts.example.test";
const since = new Date("2020-01-01T00:00:00Z");
const until = new Date("2040-01-01T00:00:00Z");

/**
 * A certificate authority, with one below it, of OpenSSL, and a transparency log: what Fulcio and Rekor are
 * for sigstore. Its directory is the caller's.
 */
export class TestSigstore {
  /** Of the log. */
  readonly log = new TestLog();
  readonly root: string;
  readonly intermediate: string;
  readonly #directory: string;
  #certificates = 0;

  private constructor(directory: string, root: string, intermediate: string) {
    this.#directory = directory;
    this.root = root;
    this.intermediate = intermediate;
  }

  static async create(parent: string): Promise<TestSigstore> {
    const directory = join(parent, "sigstore");
    await mkdir(join(directory, "new"), { recursive: true });
    await writeFile(join(directory, "index.txt"), "");
    const authority = async (name: string, constraints: string, by?: string) => {
      const lines = [
        `basicConstraints=critical,CA:TRUE${constraints}`,
        "keyUsage=critical,keyCertSign,cRLSign",
        "subjectKeyIdentifier=hash",
        ...(by === undefined ? [] : ["authorityKeyIdentifier=keyid", "extendedKeyUsage=codeSigning"]),
      ];
      return (await issue(directory, { name, lines, by, from: since, to: until })).pem;
    };
    const root = await authority("root", "");
    return new TestSigstore(directory, root, await authority("intermediate", ",pathlen:0", "root"));
  }

  async certify(request: CertificateRequest = {}): Promise<TestCertificate> {
    const { subject = "email:signer@example.test", issuer = defaultIssuer, usage = "codeSigning" } = request;
    const lines = [
      `keyUsage=critical,${request.keyUsage ?? "digitalSignature"}`,
      ...(usage === "" ? [] : [`extendedKeyUsage=${usage}`]),
      "subjectKeyIdentifier=hash",
      "authorityKeyIdentifier=keyid",
      `subjectAltName=critical,${subject}`,
      ...(issuer === null
        ? []
        : [
            `1.3.6.1.4.1.57264.1.1=DER:${Buffer.from(issuer).toString("hex")}`,
            `1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:${issuer}`,
          ]),
      ...(request.extensions ?? []),
    ];
    const name = `leaf-${++this.#certificates}`;
    const { validFrom: from = since, validTo: to = until, by = "intermediate" } = request;
    return await issue(this.#directory, { name, lines, by, from, to });
  }
}

type Issue = {
  readonly name: string;
  readonly lines: readonly string[];
  /** Its own key when left out. */
  readonly by: string | undefined;
  readonly from: Date;
  readonly to: Date;
};

/** By `openssl ca`, which alone takes both ends of the time. */
async function issue(directory: string, { name, lines, by, from, to }: Issue): Promise<TestCertificate> {
  const file = (of: string, suffix: string) => join(directory, `${of}.${suffix}`);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(file(name, "key"), privateKey.export({ type: "pkcs8", format: "pem" }));
  const config = [
    "[req]\ndistinguished_name=subject\n[subject]",
    "[ca]\ndefault_ca=own",
    `[own]\nnew_certs_dir=${directory}/new\ndatabase=${directory}/index.txt\nrand_serial=yes`,
    "default_md=sha256\npolicy=any\nunique_subject=no\nx509_extensions=added\nemail_in_dn=no",
    "[any]\ncommonName=optional",
    "[added]",
    ...lines,
  ];
  await writeFile(file(name, "cnf"), `${config.join("\n")}\n`);
  const named = ["-config", file(name, "cnf"), "-subj", `/CN=${name}`];
  await run("openssl", ["req", "-new", ...named, "-key", file(name, "key"), "-out", file(name, "csr")]);
  const signer =
    by === undefined
      ? ["-selfsign", "-keyfile", file(name, "key")]
      : ["-keyfile", file(by, "key"), "-cert", file(by, "pem")];
  const dates = ["-startdate", asn1Time(from), "-enddate", asn1Time(to)];
  const out = ["-in", file(name, "csr"), "-notext", "-batch", "-out", file(name, "pem")];
  await run("openssl", ["ca", ...named, ...signer, ...dates, ...out]);
  return { name, pem: await readFile(file(name, "pem"), "utf8"), privateKey };
}

function asn1Time(date: Date): string {
  return `${date
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replace(/[-:T]/g, "")}Z`;
}

/** A log as Rekor's version 1 is to those who read what it has answered. */
export class TestLog {
  readonly #key = generateKeyPairSync("ec", { namedCurve: "P-256" });

  get publicKey(): string {
    return this.#key.publicKey.export({ type: "spki", format: "pem" }).toString();
  }

  get id(): Buffer {
    return sha256(this.#key.publicKey.export({ type: "spki", format: "der" }));
  }

  /** The answer for an entry, the only one of its tree. */
  add(entry: object, time: Date): LoggedEntry {
    const body = Buffer.from(JSON.stringify(entry));
    const payload = {
      body: body.toString("base64"),
      integratedTime: Math.floor(time.getTime() / 1000),
      logID: this.id.toString("hex"),
      logIndex: 0,
    };
    const rootHash = sha256(Buffer.concat([Buffer.from([0]), body]));
    const note = `log.example.test - 1193050959916656506\n1\n${rootHash.toString("base64")}\n`;
    const hint = this.id.subarray(0, 4);
    const signed = Buffer.concat([hint, this.#sign(Buffer.from(note))]).toString("base64");
    return {
      payload,
      timestamp: this.#sign(Buffer.from(JSON.stringify(payload))),
      rootHash,
      checkpoint: `${note}\n— log.example.test ${signed}\n`,
    };
  }

  #sign(bytes: Buffer): Buffer {
    return sign("sha256", bytes, this.#key.privateKey);
  }
}

export type LoggedEntry = {
  readonly payload: {
    readonly body: string;
    readonly integratedTime: number;
    readonly logID: string;
    readonly logIndex: number;
  };
  readonly timestamp: Buffer;
  readonly rootHash: Buffer;
  readonly checkpoint: string;
};

/** As cosign keeps it beside a signature under a tag. */
export function attachedEntry({ payload, timestamp }: LoggedEntry): string {
  return JSON.stringify({ SignedEntryTimestamp: timestamp.toString("base64"), Payload: payload });
}

/** What Rekor makes of a signature over bytes. `signer`: key or certificate in PEM form. */
export function hashedRekord(signed: Uint8Array, signature: Uint8Array, signer: string): object {
  return {
    apiVersion: "0.0.1",
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm: "sha256", value: sha256(signed).toString("hex") } },
      signature: {
        content: Buffer.from(signature).toString("base64"),
        publicKey: { content: Buffer.from(signer).toString("base64") },
      },
    },
  };
}

/** What Rekor makes of a signed envelope. */
export function dsseEntry(envelope: Envelope, signer: string): object {
  return {
    apiVersion: "0.0.1",
    kind: "dsse",
    spec: {
      envelopeHash: {
        algorithm: "sha256",
        value: sha256(Buffer.from(JSON.stringify(envelope))).toString("hex"),
      },
      payloadHash: {
        algorithm: "sha256",
        value: sha256(Buffer.from(envelope.payload, "base64")).toString("hex"),
      },
      signatures: envelope.signatures.map(({ sig }) => ({
        signature: sig,
        verifier: Buffer.from(signer).toString("base64"),
      })),
    },
  };
}

export type Envelope = {
  readonly payload: string;
  readonly payloadType: string;
  readonly signatures: readonly { readonly sig: string }[];
};

/** Signs as DSSE has it (github.com/secure-systems-lab/dsse, protocol.md). */
export function envelopeOf(payload: string, key: KeyObject, payloadType = "application/vnd.in-toto+json") {
  const bytes = Buffer.from(payload);
  const signed = `DSSEv1 ${payloadType.length} ${payloadType} ${bytes.length} ${payload}`;
  const signature = sign("sha256", Buffer.from(signed), key);
  const envelope: Envelope = {
    payload: bytes.toString("base64"),
    payloadType,
    signatures: [{ sig: signature.toString("base64") }],
  };
  return envelope;
}

/**
 * `application/vnd.dev.sigstore.bundle.v0.3+json`; with a certificate in PEM form, or none for a plain key.
 */
export function bundleOf(
  content: object,
  { certificate, entry }: { readonly certificate?: string; readonly entry?: LoggedEntry & { kind: string } },
): object {
  const rawBytes = certificate?.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  return {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: {
      ...(rawBytes === undefined
        ? { publicKey: { hint: "" } }
        : { certificate: { rawBytes: rawBytes.join("") } }),
      tlogEntries: entry === undefined ? [] : [bundledEntry(entry)],
    },
    ...content,
  };
}

function bundledEntry({ kind, payload, timestamp, rootHash, checkpoint }: LoggedEntry & { kind: string }) {
  return {
    logIndex: String(payload.logIndex),
    logId: { keyId: Buffer.from(payload.logID, "hex").toString("base64") },
    kindVersion: { kind, version: "0.0.1" },
    integratedTime: String(payload.integratedTime),
    inclusionPromise: { signedEntryTimestamp: timestamp.toString("base64") },
    inclusionProof: {
      logIndex: "0",
      rootHash: rootHash.toString("base64"),
      treeSize: "1",
      hashes: [],
      checkpoint: { envelope: checkpoint },
    },
    canonicalizedBody: payload.body,
  };
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
