import { existsSync, linkSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { isErrno } from "../../../ground/fs/index.ts";
import { lockFile } from "../../../ground/linux/index.ts";
import { formatIp, type IpAddress, parseIp } from "./ip-address.ts";

const lastPrefix = "last_reserved_ip.";
const draftPrefix = "berth-";

/** The owner of an address. */
export type AddressOwner = { readonly containerId: string; readonly ifName: string };

/**
 * The reserved addresses of one network, in the program host-local's format: a file for each address, with
 * its owner; the last address of each range set; and a lock that is held while files are read and written. So
 * both can be used alternately.
 */
export class Reservations implements Disposable {
  readonly #directory: string;
  readonly #lock: Disposable;

  private constructor(directory: string, lock: Disposable) {
    this.#directory = directory;
    this.#lock = lock;
  }

  /**
   * Takes the lock, which a program may hold. Throws LinuxError DeadlineExceeded if it is held for longer
   * than `timeoutMs`.
   */
  static async open(directory: string, timeoutMs: number): Promise<Reservations> {
    await makeDirectories(directory, 0o755);
    return new Reservations(directory, await lockFile(`${directory}/lock`, timeoutMs));
  }

  /**
   * Reserves an address and stores it as the last one of its set; false if it is taken. The file appears
   * atomically with its owner, so a crash leaves none without.
   */
  reserve(address: IpAddress, owner: AddressOwner, setIndex: number): boolean {
    const text = formatIp(address);
    const path = `${this.#directory}/${text}`;
    if (existsSync(path)) return false;
    const draft = this.#draftOf(owner);
    try {
      writeFileSync(draft, textOf(owner), { mode: 0o600 });
      linkSync(draft, path);
    } finally {
      unlinkIfThere(draft);
    }
    writeFileSync(`${this.#directory}/${lastPrefix}${setIndex}`, text, { mode: 0o600 });
    return true;
  }

  /** Undefined if none of that set was reserved, or the file cannot be read: then the first one is next. */
  lastReserved(setIndex: number): IpAddress | undefined {
    return parseIp(readIfThere(`${this.#directory}/${lastPrefix}${setIndex}`)?.trim());
  }

  /** Frees those of these addresses that belong to the owner. */
  release(addresses: readonly IpAddress[], owner: AddressOwner): void {
    for (const address of addresses) {
      const path = `${this.#directory}/${formatIp(address)}`;
      if (isOwnedBy(path, owner)) unlinkIfThere(path);
    }
    unlinkIfThere(this.#draftOf(owner));
  }

  /** Frees all addresses of the owner; reads every file. */
  releaseAll(owner: AddressOwner): void {
    for (const entry of readdirSync(this.#directory, { withFileTypes: true })) {
      const path = `${this.#directory}/${entry.name}`;
      if (entry.isFile() && !entry.name.startsWith(lastPrefix) && isOwnedBy(path, owner)) unlinkIfThere(path);
    }
    unlinkIfThere(this.#draftOf(owner));
  }

  /** Frees all addresses except those of these owners. */
  keepOnly(owners: readonly AddressOwner[]): void {
    const kept = new Set(owners.map(textOf));
    for (const name of readdirSync(this.#directory)) {
      const path = `${this.#directory}/${name}`;
      const isFree = parseIp(name) !== undefined && !kept.has(readIfThere(path)?.trim() ?? "");
      // Nobody else writes a draft, since we hold the lock.
      if (isFree || name.startsWith(draftPrefix)) unlinkIfThere(path);
    }
  }

  /** A process killed during a reservation leaves this file; it is removed with the owner's addresses. */
  #draftOf({ containerId }: AddressOwner): string {
    return `${this.#directory}/${draftPrefix}${containerId}`;
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }
}

/** Old versions of the program wrote no interface. */
function isOwnedBy(path: string, owner: AddressOwner): boolean {
  const text = readIfThere(path)?.trim();
  return text === textOf(owner) || text === owner.containerId;
}

function textOf({ containerId, ifName }: AddressOwner): string {
  return `${containerId}\r\n${ifName}`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
