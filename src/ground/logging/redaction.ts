/** Keys, of any object up to three levels into a log line, whose values are credentials in the protocols berth speaks. */
const secretKeys = [
  "auth",
  "authorization",
  "Authorization",
  "cookie",
  "credentials",
  "identityToken",
  "identity_token",
  "password",
  "registryToken",
  "registry_token",
  "token",
];

const depths = ["", "*.", "*.*."];

/** pino's `redact` option. */
export const redaction = {
  paths: depths.flatMap((prefix) => secretKeys.map((key) => prefix + key)),
  censor: "[redacted]",
};
