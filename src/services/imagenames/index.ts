/**
 * Image names, such as `docker.io/library/busybox:latest`: what they point to, and their labels, as in
 * containerd's image store.
 *
 * Terms: a name's *target* is the descriptor of a blob: an index or a manifest for any platform, or an
 * artifact that is not an image. The blob and what it refers to may be absent. Targets are roots of garbage
 * collection: what a target reaches stays as long as the name exists.
 *
 * This room reads no content: `images` resolves names to images.
 */
export { type ImageName, ImageNameError } from "./image-name.ts";
export { ImageNameStore } from "./image-name-store.ts";
export { ImageNames, type ImageNameUpdate, type NewImageName } from "./image-names.ts";
