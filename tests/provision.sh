#!/bin/sh
# Makes what the tests need beside cargo: a venv with supervisord, superlance and an SMTP server, and
# the Debian packages named below where they are missing. Says what failed and stops there.
set -eu
venv=$1
python=${PYTHON:-python3}
here=$(dirname "$0")

fail() {
    echo "provision: $1" >&2
    exit 1
}

need() { # need COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] || fail "$1 is missing: install the package $2, or run as root"
    [ -n "${apt_updated:-}" ] || { apt-get update -qq || fail "apt-get update failed"; apt_updated=1; }
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null || fail "cannot install the package $2"
}

need gcore gdb
need curl curl
need mandoc mandoc
need man man-db
need groff groff-base
need strace strace
need systemctl systemd
need ps procps
[ -x /lib/systemd/systemd ] || fail "/lib/systemd/systemd is missing: the package systemd is not whole"
need podman podman
need haproxy haproxy
need promtool prometheus
need prometheus-alertmanager prometheus-alertmanager
need etcd etcd-server
need nc netcat-openbsd
need chromium chromium
need chromedriver chromium-driver
need runc runc
need busybox busybox-static
need rpmbuild rpm
need faketime faketime
need zsh zsh
need fish fish
need ip iproute2
need nsenter util-linux
need setpriv util-linux

"$python" -m venv "$venv" || fail "$python -m venv failed: install the package python3-venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt" || fail "pip could not install $here/requirements.txt"
"$venv/bin/supervisord" --version >/dev/null || fail "supervisord does not run"
