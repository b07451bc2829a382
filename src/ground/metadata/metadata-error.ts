import { BerthError } from "../errors/index.ts";

/**
 * A database that cannot be opened, read or written. Codes: FailedPrecondition (in use by another process, or
 * made by a newer berth), DataLoss (damaged), ResourceExhausted (disk full), InvalidArgument (a value that is
 * not plain data), Unavailable (closed, or its thread died), Internal (any other failure of SQLite or of the
 * file system).
 */
export class MetadataError extends BerthError {}
