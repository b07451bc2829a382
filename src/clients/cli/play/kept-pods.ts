import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectories } from "../../../ground/directories/index.ts";
import { ignoreGone, isErrno } from "../../../ground/fs/index.ts";
import { processStartTime } from "../../../ground/linux/index.ts";
import { isOfKind, type Persistence, type StoredObject, type StoredPod } from "../../manager/index.ts";

/** Times are bigints, which JSON lacks. Whoever reads it removes the pod, being deleted or not. */
type WrittenPod = Omit<StoredPod, "createdAtNs" | "scheduledAtNs" | "deleting"> & {
  readonly createdAtNs: string;
  readonly scheduledAtNs: string;
};

const endpointFile = "endpoint";

/**
 * Stores the pods of a `berth play` in a directory that is named after its process, so that the next one
 * finds what a killed one left behind. Only the owner can read it, because their data may be secret.
 */
export class KeptPods {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Creates the directory for the pods of this process on one runtime. */
  static async create(dataDir: string, endpoint: string): Promise<KeptPods> {
    const directory = join(playsIn(dataDir), await ownName());
    await makeDirectories(directory, 0o700);
    await writeFile(join(directory, endpointFile), endpoint, { mode: 0o600 });
    return new KeptPods(directory);
  }

  /**
   * Takes the directories of processes that are gone, on the same runtime; nobody else can take them again.
   */
  static async takeLeft(dataDir: string, endpoint: string): Promise<readonly KeptPods[]> {
    const plays = playsIn(dataDir);
    const left: KeptPods[] = [];
    for (const name of (await readdir(plays).catch(ignoreGone)) ?? []) {
      if (await isAlive(name)) continue;
      const directory = join(plays, name);
      const of = await readFile(join(directory, endpointFile), "utf8").catch(ignoreGone);
      if (of !== undefined && of !== endpoint) continue;
      const taken = join(plays, `${await ownName()}.${randomBytes(4).toString("hex")}`);
      try {
        await rename(directory, taken);
      } catch (error) {
        if (isErrno(error, "ENOENT")) continue;
        throw error;
      }
      left.push(new KeptPods(taken));
    }
    return left;
  }

  /** Stores only pods that were started; other objects leave nothing behind. */
  get persistence(): Persistence {
    return {
      load: async () => [],
      put: async (object) => {
        if (isOfKind(object, "Pod") && object.scheduledAtNs !== undefined) await this.#write(object);
      },
      remove: async (uid) => await rm(this.#pathOf(uid), { force: true }),
    };
  }

  /** The same with the stored pods, which are to be removed. */
  get leftover(): Persistence {
    return { ...this.persistence, load: async () => await this.#readAll() };
  }

  async forget(): Promise<void> {
    for (const name of await readdir(this.#directory)) await rm(join(this.#directory, name));
    await rmdir(this.#directory);
  }

  async #write({ createdAtNs, scheduledAtNs, deleting: _, ...pod }: StoredPod): Promise<void> {
    const times = { createdAtNs: String(createdAtNs), scheduledAtNs: String(scheduledAtNs) };
    const written: WrittenPod = { ...pod, ...times };
    const path = this.#pathOf(pod.uid);
    // Written atomically, so that being killed leaves no partial file.
    await writeFile(`${path}.new`, JSON.stringify(written), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async #readAll(): Promise<readonly StoredObject[]> {
    const names = (await readdir(this.#directory)).filter((name) => name.endsWith(".json"));
    return await Promise.all(
      names.map(async (name): Promise<StoredPod> => {
        const written: WrittenPod = JSON.parse(await readFile(join(this.#directory, name), "utf8"));
        const { createdAtNs, scheduledAtNs, ...pod } = written;
        return {
          ...pod,
          createdAtNs: BigInt(createdAtNs),
          scheduledAtNs: BigInt(scheduledAtNs),
          deleting: {},
        };
      }),
    );
  }

  #pathOf(uid: string): string {
    return join(this.#directory, `${uid}.json`);
  }
}

function playsIn(dataDir: string): string {
  return join(dataDir, "plays");
}

/** The process id and the start time, since ids are reused. */
async function ownName(): Promise<string> {
  return `${process.pid}-${await processStartTime(process.pid)}`;
}

async function isAlive(name: string): Promise<boolean> {
  const [pid, startTime] = (name.split(".")[0] ?? "").split("-").map(Number);
  return pid !== undefined && (await processStartTime(pid)) === startTime;
}
