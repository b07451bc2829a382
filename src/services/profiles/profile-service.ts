import { nowNs } from "../../ground/clock/index.ts";
import { hasCode } from "../../ground/errors/index.ts";
import { isErrno } from "../../ground/fs/index.ts";
import type { Database } from "../../ground/metadata/index.ts";
import { KeyLock } from "../../ground/sync/index.ts";
import { type Digest, digestOf, parseReference } from "../../parts/oci/index.ts";
import type { ContentStore } from "../content/index.ts";
import type { Images } from "../images/index.ts";
import type { Leases } from "../leases/index.ts";
import { fetchProfile, maxProfileBytes } from "./artifact.ts";
import { invalidProfile, ProfileError } from "./profile-error.ts";
import { type ProfileRecord, ProfileRecords } from "./profile-records.ts";
import type { ProfileRequest, SecurityProfileInfo, SecurityProfiles } from "./profiles.ts";

export type ProfileServiceOptions = {
  /** containerd namespace. */
  readonly namespace: string;
  readonly database: Database;
  readonly content: ContentStore;
  readonly leases: Leases;
  /** Fetches artifacts from registries. */
  readonly images: Pick<Images, "artifact" | "collectGarbage">;
  /** Throws if the text is not a valid profile. */
  readonly check: (text: string) => void;
};

/** Long enough for a pull; the lease expires only if a crash interrupts the pull. */
const leaseNs = 3_600_000_000_000n;

/** Lock of all records. */
const changes = "changes";

export async function openSecurityProfiles(options: ProfileServiceOptions): Promise<SecurityProfiles> {
  const collection = await options.database.collection<ProfileRecord>("profiles");
  return new ProfileService(options, new ProfileRecords(collection, options.namespace));
}

class ProfileService implements SecurityProfiles {
  readonly #options: ProfileServiceOptions;
  readonly #records: ProfileRecords;
  /** By the digest of a manifest, and {@link changes}. */
  readonly #lock = new KeyLock();

  constructor(options: ProfileServiceOptions, records: ProfileRecords) {
    this.#options = options;
    this.#records = records;
  }

  /** Concurrent calls for the same manifest wait for one pull. */
  async pull({ reference, credentials }: ProfileRequest, signal = new AbortController().signal) {
    const { digest: manifest } = parseReference(reference);
    if (manifest === undefined) throw invalidProfile(reference, "it has no digest");
    using _lock = await this.#lock.acquire(manifest, signal);
    if (await this.#addTo(reference, manifest)) return { cached: true };
    const source = this.#options.images.artifact({ reference, ...(credentials && { credentials }) });
    const text = await fetchProfile(reference, source, signal);
    try {
      this.#options.check(text);
    } catch (cause) {
      throw invalidProfile(reference, "it is not a valid profile", cause);
    }
    await this.#keep(reference, manifest, Buffer.from(text));
    return { cached: false };
  }

  list(): readonly SecurityProfileInfo[] {
    return this.#records.list();
  }

  async remove(digest: string): Promise<void> {
    using _lock = await this.#lock.acquire(changes);
    if (!this.#records.has(digest)) return;
    await this.#options.database.commit([this.#records.delete(digest)]);
    // Not awaited: nothing refers to the blob any more; if this fails, the next collection removes it.
    this.#options.images.collectGarbage().catch(() => undefined);
  }

  async read(reference: string): Promise<string> {
    const digest = this.#records.ofReference(reference);
    if (digest === undefined)
      throw new ProfileError(
        "NotFound",
        `seccomp profile ${reference} not found; pull it (PullSecurityProfile) before using it`,
      );
    try {
      return Buffer.from(await this.#options.content.read(digest, maxProfileBytes)).toString();
    } catch (cause) {
      if (!isDamage(cause)) throw cause;
      const message = `seccomp profile ${reference} is damaged on disk; pull it again (PullSecurityProfile)`;
      throw new ProfileError("DataLoss", message, { cause });
    }
  }

  /**
   * Adds a reference to the profile from this artifact; false if there is none, or a damaged one, which is
   * deleted.
   */
  async #addTo(reference: string, manifest: Digest): Promise<boolean> {
    using _lock = await this.#lock.acquire(changes);
    const digest = this.#records.ofManifest(manifest);
    if (digest === undefined || !this.#options.content.has(digest)) return false;
    if (await this.#isDamaged(digest)) {
      await this.#options.content.delete(digest);
      return false;
    }
    const size = this.#records.list().find((each) => each.digest === digest)?.sizeBytes ?? 0;
    await this.#commit(digest, reference, manifest, size);
    return true;
  }

  async #isDamaged(digest: Digest): Promise<boolean> {
    try {
      await this.#options.content.read(digest, maxProfileBytes);
      return false;
    } catch (error) {
      if (isDamage(error)) return true;
      throw error;
    }
  }

  async #keep(reference: string, manifest: Digest, bytes: Uint8Array): Promise<void> {
    const { content, leases } = this.#options;
    const digest = digestOf(bytes);
    const expiresAtNs = nowNs() + leaseNs;
    const lease = await leases.create({ expiresAtNs });
    try {
      await leases.addResources(lease.id, [{ kind: "content", digest }]);
      await content.put(bytes, { digest });
      using _lock = await this.#lock.acquire(changes);
      await this.#commit(digest, reference, manifest, bytes.length);
    } finally {
      await leases.delete(lease.id);
    }
  }

  async #commit(digest: Digest, reference: string, manifest: Digest, sizeBytes: number): Promise<void> {
    const change = this.#records.with(digest, reference, manifest, sizeBytes);
    if (change !== undefined) await this.#options.database.commit([change]);
  }
}

/** Its file has wrong bytes, or is missing. */
function isDamage(error: unknown): boolean {
  if (hasCode(error, "DataLoss") || hasCode(error, "NotFound")) return true;
  const cause = error instanceof Error ? error.cause : undefined;
  return isErrno(cause, "ENOENT");
}
