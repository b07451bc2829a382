/**
 * Names of images: what `docker.io/library/busybox:latest` stands for, with labels, as in containerd's image
 * store.
 *
 * Terms: a name's *target* is the descriptor of a blob: of an index or a manifest for whatever platform, or
 * of an artifact that is no image. The blob and what it refers to may be absent. A target is a root of
 * garbage collection: what it reaches stays while the name does.
 *
 * This room reads no content: what images come to on this machine is for `images` to say.
 */
export { type ImageName, ImageNameError } from "./image-name.ts";
export { ImageNameStore } from "./image-name-store.ts";
export { ImageNames, type ImageNameUpdate, type NewImageName } from "./image-names.ts";
