#!/bin/sh
# A layer may contain sparse files, as written by GNU tar with --sparse (the image specification advises against them,
# since not all programs support them). Unpackers written in Go, such as containerd's and skopeo's, support both of GNU
# tar's formats and restore the file. mkfs.erofs, with which containerd's EROFS snapshotter builds a file system from a
# layer (--tar=f --aufs), supports neither, without an error:
# - A file in the old GNU format, which tar writes by default, is missing.
# - A file in the POSIX format has another name, GNUSparseFile.PID/NAME, which is meant for programs that do not know
#   the format, and another content: a map of the data, and the data without the holes.
# The layer's digest is correct and the pull succeeds, but the image, which works with overlayfs, lacks the file with
# EROFS.
# Seen with erofs-utils 1.8.6 of Debian 13 and 1.9.4 of Debian 14, as below; for comparison, Go 1.26's archive/tar.
# Needs Debian 12 (whose package lists say where later ones are), GNU tar, Go, patchelf and root, as
# scripts/later-debian.sh does.
set -eu
directory=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for suite in trixie forky; do
  sh "$directory/../scripts/later-debian.sh" "$work/$suite" $suite erofs-utils -- usr/bin/mkfs.erofs usr/bin/fsck.erofs >&2
done
cd "$work"
mkdir -p layer/var go
echo text >layer/var/text
truncate -s 8M layer/var/database
printf data | dd of=layer/var/database bs=1 seek=4194304 conv=notrunc 2>/dev/null
whole=$(sha256sum <layer/var/database)
tar --format=gnu -C layer -cf whole.tar var
tar --format=gnu --sparse -C layer -cf gnu.tar var
tar --format=posix --sparse -C layer -cf posix.tar var
cat >go/main.go <<'GO'
// Unpacks the files of an archive.
package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
)

func main() {
	archive := tar.NewReader(os.Stdin)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			panic(err)
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		path := filepath.Join(os.Args[1], header.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			panic(err)
		}
		file, err := os.Create(path)
		if err != nil {
			panic(err)
		}
		if _, err := io.Copy(file, archive); err != nil {
			panic(err)
		}
		if err := file.Close(); err != nil {
			panic(err)
		}
	}
}
GO
(cd go && go mod init finding.invalid >/dev/null 2>&1 && go build -o "$work/unpack" .)
# files DIRECTORY: what it has, and whether the sparse file is as it was
files() {
  for file in "$1"/var/* "$1"/var/GNU*/*; do
    [ -f "$file" ] || continue
    name=${file##*/}
    case $file in */GNUSparseFile.*) name=GNUSparseFile/$name ;; esac
    [ "${file##*/}" != database ] || [ "$(sha256sum <"$file")" = "$whole" ] || name="$name (other)"
    printf '%s ' "$name"
  done
}
{
  for form in whole gnu posix; do
    mkdir go-$form
    ./unpack go-$form <$form.tar
    echo "Go, $form: $(files go-$form)"
  done
  for suite in trixie forky; do
    version=$($suite/mkfs.erofs --version | sed -n '1s/.* //p')
    for form in whole gnu posix; do
      $suite/mkfs.erofs --tar=f --aufs --quiet -Enoinline_data $suite-$form.erofs <$form.tar
      $suite/fsck.erofs --extract=$suite-$form $suite-$form.erofs >/dev/null
      echo "mkfs.erofs $version, $form: $(files $suite-$form)"
    done
  done
} | sed 's/ $//' >seen
cat seen
cat >expected <<'TEXT'
Go, whole: database text
Go, gnu: database text
Go, posix: database text
mkfs.erofs 1.8.6, whole: database text
mkfs.erofs 1.8.6, gnu: text
mkfs.erofs 1.8.6, posix: text GNUSparseFile/database (other)
mkfs.erofs 1.9.4, whole: database text
mkfs.erofs 1.9.4, gnu: text
mkfs.erofs 1.9.4, posix: text GNUSparseFile/database (other)
TEXT
diff expected seen
