#!/bin/sh
# Builds a package for Fedora and its like with rpmbuild: rpm.sh BINARY VERSION DIRECTORY
set -eu
umask 022
bin=$1 version=$2 out=$(mkdir -p "$3" && cd "$3" && pwd)
rm -rf "$out/tree" "$out/httpok.spec"
make --no-print-directory install BIN="$bin" DESTDIR="$out/tree" PREFIX=/usr >/dev/null
install -D -m 600 packaging/httpok.toml "$out/tree/etc/httpok/httpok.toml"
install -D -m 644 packaging/logrotate "$out/tree/etc/logrotate.d/httpok"
find "$out/tree/usr/share/man" -type f -exec gzip -9n {} +
{
    cat <<SPEC
Name: httpok
Version: $version
Release: 1
Summary: Watchdog that restarts hung services
License: MIT
Recommends: ca-certificates
# the binary is as it is to be
%define __strip /bin/true
%define _build_id_links none
%define __brp_compress %{nil}

%description
Probes URLs, keeps the evidence when a service hangs, restarts the right
process through whatever supervises it, and verifies that it recovered.

%install
cp -a $out/tree/. %{buildroot}/

# nothing is enabled or started: what the file watches is for its owner to say
%post
systemd-tmpfiles --create httpok.conf >/dev/null 2>&1 || :
systemctl daemon-reload >/dev/null 2>&1 || :

%preun
if [ \$1 -eq 0 ]; then systemctl --no-reload disable --now httpok.service >/dev/null 2>&1 || :; fi

# a watchdog that runs is replaced by an upgrade; it takes over what the old one had begun
%postun
systemctl daemon-reload >/dev/null 2>&1 || :
if [ \$1 -ge 1 ]; then systemctl try-restart httpok.service >/dev/null 2>&1 || :; fi

%files
%config(noreplace) %attr(600,root,root) /etc/httpok/httpok.toml
%config(noreplace) /etc/logrotate.d/httpok
%dir /etc/httpok
%dir %attr(755,root,root) /usr/share/doc/httpok
SPEC
    (cd "$out/tree" && find usr -type f ! -path 'usr/share/doc/*' -printf '/%p\n' | sort)
    (cd "$out/tree" && find usr/share/doc/httpok -mindepth 1 -maxdepth 1 -printf '%%doc /%p\n' | sort)
} > "$out/httpok.spec"
rpmbuild -bb --quiet --target "$(uname -m)" --define "_topdir $out/build" --define "_rpmdir $out" \
    --define "_binary_payload ${RPM_COMPRESS:-w19.zstdio}" --define "_buildhost localhost" \
    --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
    --define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" "$out/httpok.spec" >&2
echo "$out/httpok-$version-1.$(uname -m).rpm"
