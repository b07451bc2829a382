/**
 * Images made of files, and files of images: how two images differ, a container's changes or a tree's archive
 * as a new image, a container's tree as an archive.
 *
 * Terms: a *view* is a read-only snapshot that is made to be looked at; a *change* to an image's
 * configuration is an instruction of a Dockerfile (`ENV A=1`), as `docker commit --change` takes it.
 *
 * What is looked at and what is made is held by a lease until it has a name; those that a crash leaves end at
 * the next start, and garbage collection does the rest.
 */

export type { CommitRequest, ImportRequest, MadeImage } from "./image-files.ts";
export { ImageFiles, type ImageFilesOptions } from "./image-files.ts";
export { ImageFilesError } from "./image-files-error.ts";
export { ImageMounts, type ImageMountsOptions, type MountedImage } from "./image-mounts.ts";
