import { directoryBytes, sortedNames } from "./directory-data.ts";
import { blockBytes, blocksOf, inodeBytes, inodesOffset } from "./format.ts";
import type { ErofsDirectory, ErofsInode } from "./inode.ts";
import { xattrAreaBytes } from "./xattrs.ts";

/** Where an inode and its data go. */
export type Place = {
  readonly inode: ErofsInode;
  /** From the image's start. */
  readonly position: number;
  readonly xattrBytes: number;
  /** Of data that the index itself holds: a directory's, a symbolic link's. */
  readonly dataBytes: number;
  /** They follow the attributes, in the same block. */
  readonly inline: boolean;
  /** Where they are otherwise, and a scattered file's. */
  dataBlock: number;
  links: number;
  /** A directory's: what its data say. */
  readonly names: readonly string[];
  readonly parent: Place | undefined;
};

export type ImagePlan = {
  readonly places: ReadonlyMap<ErofsInode, Place>;
  /** Length of inodes, directories and long symbolic links, which come first. */
  readonly ownBytes: number;
  /** Of the whole image, with scattered files behind. */
  readonly blocks: number;
};

/** Gives every inode below `root` its place. Throws ErofsError InvalidArgument. */
export function planImage(root: ErofsDirectory): ImagePlan {
  const inodes = new InodeArea();
  const directories = [inodes.add(root, undefined)];
  for (let parent = directories.pop(); parent !== undefined; parent = directories.pop()) {
    if (parent.inode.kind !== "directory") continue;
    for (const name of parent.names) {
      const inode = parent.inode.entries.get(name);
      if (inode === undefined) continue;
      const known = inodes.places.get(inode);
      const place = known ?? inodes.add(inode, parent);
      if (inode.kind === "directory") {
        parent.links++;
        directories.push(place);
      } else if (known !== undefined) place.links++;
    }
  }
  let block = blocksOf(inodes.end);
  for (const place of inodes.places.values()) {
    if (place.inline || place.dataBytes === 0) continue;
    place.dataBlock = block;
    block += blocksOf(place.dataBytes);
  }
  const ownBytes = block * blockBytes;
  for (const place of inodes.places.values()) {
    const { inode } = place;
    if (inode.kind !== "file" || inode.data.extents === undefined) continue;
    place.dataBlock = block;
    block += blocksOf(inode.data.sizeBytes);
  }
  return { places: inodes.places, ownBytes, blocks: block };
}

/** Inodes with their attributes, and the data that have room beside them, one after the other. */
class InodeArea {
  readonly places = new Map<ErofsInode, Place>();
  end = inodesOffset;

  add(inode: ErofsInode, parent: Place | undefined): Place {
    const names = inode.kind === "directory" ? sortedNames(inode.entries) : [];
    const dataBytes = ownDataBytes(inode, names);
    const xattrBytes = xattrAreaBytes(inode.attributes.xattrs);
    const head = inodeBytes + xattrBytes;
    // Data beside an inode may not lie in two blocks.
    const offset = (this.end + head) % blockBytes;
    const inline = dataBytes > 0 && head + dataBytes <= blockBytes;
    const moved = inline && (offset === 0 || offset + dataBytes > blockBytes);
    const position = moved ? Math.ceil(this.end / blockBytes) * blockBytes : this.end;
    this.end = aligned(position + head + (inline ? dataBytes : 0));
    const links = inode.kind === "directory" ? 2 : 1;
    const place = { inode, position, xattrBytes, dataBytes, inline, dataBlock: 0, links, names, parent };
    this.places.set(inode, place);
    return place;
  }
}

function ownDataBytes(inode: ErofsInode, names: readonly string[]): number {
  if (inode.kind === "directory") return directoryBytes(names);
  return inode.kind === "symlink" ? inode.target.length : 0;
}

/** So that no inode lies in two blocks. */
function aligned(position: number): number {
  return Math.ceil(position / inodeBytes) * inodeBytes;
}
