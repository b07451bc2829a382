/**
 * Images from files, and files of images: compares two images, creates images from a container's changes or
 * from an archive of a tree, and exports a container's tree as an archive.
 *
 * Terms: a *view* is a read-only snapshot for inspection; a *change* to an image's configuration is an
 * instruction of a Dockerfile (`ENV A=1`), as `docker commit --change` takes it.
 *
 * A lease holds what is inspected or created until it has a name; leases left by a crash end at the next
 * start, and garbage collection does the rest.
 */

export type { CommitRequest, ImportRequest, MadeImage } from "./image-files.ts";
export { ImageFiles, type ImageFilesOptions } from "./image-files.ts";
export { ImageFilesError } from "./image-files-error.ts";
export { ImageMounts, type ImageMountsOptions, type MountedImage } from "./image-mounts.ts";
