#!/bin/sh
# Builds a Debian package with dpkg-deb: deb.sh BINARY VERSION DIRECTORY
set -eu
umask 022
bin=$1 version=$2 out=$3
arch=$(dpkg --print-architecture)
root=$out/httpok_${version}_$arch
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/etc/httpok" "$root/etc/logrotate.d"
make --no-print-directory install BIN="$bin" DESTDIR="$root" PREFIX=/usr >/dev/null
install -m 600 packaging/httpok.toml "$root/etc/httpok/httpok.toml"
install -m 644 packaging/logrotate "$root/etc/logrotate.d/httpok"
doc=$root/usr/share/doc/httpok
mv "$doc/LICENSE" "$doc/copyright"
mv "$doc/CHANGELOG.md" "$doc/changelog"
gzip -9n "$doc/changelog"
find "$root/usr/share/man" -type f -exec gzip -9n {} +
# the C library of at least the version whose symbols the binary uses; none for a static one
libc=$(grep -ao 'GLIBC_2\.[0-9]*' "$bin" | sort -Vu | tail -n 1 | sed 's/GLIBC_//')
depends=${libc:+"Depends: libc6 (>= $libc), libgcc-s1"}
{
    cat <<CONTROL
Package: httpok
Version: $version
Architecture: $arch
Maintainer: httpok <httpok@example.org>
Section: admin
Priority: optional
Recommends: ca-certificates
Suggests: gdb, supervisor, logrotate
Installed-Size: $(du -sk "$root" | cut -f 1)
CONTROL
    [ -z "$depends" ] || echo "$depends"
    cat <<CONTROL
Description: watchdog that restarts hung services
 Probes URLs, keeps the evidence when a service hangs, restarts the right
 process through whatever supervises it, and verifies that it recovered.
CONTROL
} > "$root/DEBIAN/control"
printf '/etc/httpok/httpok.toml\n/etc/logrotate.d/httpok\n' > "$root/DEBIAN/conffiles"
(cd "$root" && find . -type f ! -path './DEBIAN/*' ! -path './etc/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
    > "$root/DEBIAN/md5sums"
# Nothing is enabled or started: what the file watches is for its owner to say. No user is made: it restarts what
# belongs to others, so it runs as root.
cat > "$root/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
# what tmpfiles.d/httpok.conf says, also where there is no systemd
install -d -m 700 "${DPKG_ROOT:-}/var/lib/httpok"
install -d -m 750 "${DPKG_ROOT:-}/var/log/httpok"
if [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
    # a watchdog that runs is replaced; it takes over what the old one had begun
    [ -z "${2:-}" ] || systemctl try-restart httpok.service || true
fi
POSTINST
cat > "$root/DEBIAN/prerm" <<'PRERM'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now httpok.service || true
fi
PRERM
cat > "$root/DEBIAN/postrm" <<'POSTRM'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -z "${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
# state and evidence are the owner's until the package is purged
[ "$1" != purge ] || rm -rf "${DPKG_ROOT:-}/var/lib/httpok" "${DPKG_ROOT:-}/var/log/httpok"
POSTRM
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"
dpkg-deb --root-owner-group -Z"${DEB_COMPRESS:-xz}" --build "$root" "$out" >/dev/null
echo "$out/httpok_${version}_$arch.deb"
