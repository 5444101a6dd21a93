#!/bin/sh
# Builds a Debian package with dpkg-deb: deb.sh BINARY VERSION DIRECTORY
set -eu
bin=$1 version=$2 out=$3
arch=$(dpkg --print-architecture)
root=$out/httpok_${version}_$arch
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/etc/httpok" "$root/etc/logrotate.d"
make --no-print-directory install BIN="$bin" DESTDIR="$root" PREFIX=/usr >/dev/null
install -m 600 packaging/httpok.toml "$root/etc/httpok/httpok.toml"
install -m 644 packaging/logrotate "$root/etc/logrotate.d/httpok"
find "$root/usr/share/man" -type f -exec gzip -9n {} +
cat > "$root/DEBIAN/control" <<CONTROL
Package: httpok
Version: $version
Architecture: $arch
Maintainer: httpok <httpok@example.org>
Section: admin
Priority: optional
Depends: libc6
Suggests: gdb, supervisor
Installed-Size: $(du -sk "$root" | cut -f 1)
Description: watchdog that restarts hung services
 Probes URLs, keeps the evidence when a service hangs, restarts the right
 process through whatever supervises it, and verifies that it recovered.
CONTROL
printf '/etc/httpok/httpok.toml\n/etc/logrotate.d/httpok\n' > "$root/DEBIAN/conffiles"
# nothing is enabled or started: what the file watches is for its owner to say
cat > "$root/DEBIAN/postinst" <<'POSTINST'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
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
# state and evidence are the owner's until the package is purged
[ "$1" != purge ] || rm -rf "${DPKG_ROOT:-}/var/lib/httpok" "${DPKG_ROOT:-}/var/log/httpok"
POSTRM
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm" "$root/DEBIAN/postrm"
dpkg-deb --root-owner-group -Z"${DEB_COMPRESS:-xz}" --build "$root" "$out" >/dev/null
echo "$out/httpok_${version}_$arch.deb"
