#!/bin/sh
# Builds the release archive of the last commit twice, in two folders whose names differ in length, and compares them
# byte by byte: reproducible.sh DIRECTORY [VARIABLE=VALUE...], the variables being make's.
set -eu
dir=$1
shift
commit=$(git rev-parse HEAD)
epoch=$(git log -1 --format=%ct "$commit")
rm -rf "$dir"
for place in one another/folder; do
    mkdir -p "$dir/$place"
    git archive "$commit" | tar -x -C "$dir/$place"
    # what must not matter: the place, the time zone, the language, the mask of new files
    (
        cd "$dir/$place"
        if [ "$place" = one ]; then umask 022; else umask 077; export TZ=Asia/Tokyo LC_ALL=C.UTF-8; fi
        make --no-print-directory release SOURCE_DATE_EPOCH="$epoch" "$@"
    )
done
same=yes
for file in "$dir"/one/target/release-archive/*; do
    name=$(basename "$file")
    [ -f "$file" ] || continue
    if cmp "$file" "$dir/another/folder/target/release-archive/$name"; then
        sha256sum "$file" | sed "s|$dir/one/target/release-archive/||"
    else
        same=no
    fi
done
[ "$same" = yes ] || { echo "the two builds differ: compare them with diffoscope" >&2; exit 1; }
echo "the two builds are the same"
