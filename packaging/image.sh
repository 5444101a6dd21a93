#!/bin/sh
# Builds the image of Containerfile around a binary, without its build stage: image.sh BINARY DIRECTORY TAG [WORD...]
# The words are the engine and its options; the default is podman. A binary that is linked dynamically gets its
# libraries into the image, so that a build for this machine can be tried; what is published is linked statically.
set -eu
bin=$1 dir=$2 tag=$3
shift 3
[ $# -gt 0 ] || set -- podman
rm -rf "$dir"
mkdir -p "$dir/build/image/etc/ssl/certs" "$dir/empty"
cp "$bin" "$dir/build/image/httpok"
roots=/etc/ssl/certs/ca-certificates.crt
if [ -r "$roots" ]; then
    cp -L "$roots" "$dir/build/image$roots"
else
    echo "$roots is missing: install ca-certificates, or https in the image needs cacert" >&2
fi
# of each line of ldd, the path; none for a static binary
for library in $(ldd "$bin" 2>/dev/null | grep -o '/[^ ]*' || true); do
    mkdir -p "$dir/build/image$(dirname "$library")"
    cp -L "$library" "$dir/build/image$library"
done
"$@" build --format docker --build-context "build=$dir/build" --file Containerfile --tag "$tag" "$dir/empty"
