#!/bin/sh
# Installs, upgrades, removes and (Debian only) purges the package in a copy of this machine's file system that nobody
# else sees, with its own dpkg or rpm: system.sh DIRECTORY OLD NEW, where OLD and NEW end in .deb or in .rpm, in mount and
# process namespaces of its own. Prints what was found.
set -eu
dir=$1 old=$2 new=$3
mount -t tmpfs none "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
root=$dir/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root/run/systemd/system" "$root/var/lib" "$root/test"
rm -rf "$root/var/lib/httpok" "$root/var/log/httpok" "$root/etc/httpok"
mount --bind "$(dirname "$old")" "$root/test"
# What systemd does with the unit, where it is not the first process: written down, and done.
rm -f "$root/usr/bin/systemctl"
cat > "$root/usr/bin/systemctl" <<'SYSTEMCTL'
#!/bin/sh
echo "$*" >> /systemctl.log
stop() { kill -TERM "$(cat /main.pid)"; while kill -0 "$(cat /main.pid)" 2>/dev/null; do sleep 0.05; done; rm /main.pid; }
case $* in
    "start httpok.service") ;;
    "try-restart httpok.service") [ -e /main.pid ] || exit 0; stop;;
    *"disable --now httpok.service") [ ! -e /main.pid ] || stop; exit 0;;
    *) exit 0;;
esac
STATE_DIRECTORY=/var/lib/httpok setsid /usr/bin/httpok watch --config /etc/httpok/httpok.toml >> /main.log 2>&1 </dev/null &
echo $! > /main.pid
SYSTEMCTL
chmod 755 "$root/usr/bin/systemctl"
exec chroot "$root" /bin/sh -eu -c '
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
case $1 in
    *.deb)
        install() { dpkg --install --force-confold "/test/$1"; }
        remove() { dpkg --remove httpok; }
        purge() { dpkg --purge httpok; }
        version() { dpkg-query -W -f "\${Version}" httpok; }
        ;;
    *.rpm)
        # the database of rpm is empty here: what the package needs is on this machine by other ways
        install() { rpm --upgrade --nodeps "/test/$1"; }
        remove() { rpm --erase httpok; }
        version() { rpm -q --queryformat "%{VERSION}" httpok; }
        ;;
esac
done_well() { "$@" > /package.log 2>&1 || { cat /package.log; exit 1; }; }
asked() { tr "\n" ";" < /systemctl.log; : > /systemctl.log; }
up() {
    for _ in $(seq 600); do
        if httpok status 2>/dev/null | grep -q "RUNNING"; then return; fi
        sleep 0.1
    done
    cat /main.log
    exit 1
}
: > /systemctl.log
done_well install "$1"
echo "install asked: $(asked)"
echo "install started: $(pgrep -x httpok | wc -l)"
echo "state directory: $(stat -c "%a %U" /var/lib/httpok)"
httpok config check /etc/httpok/httpok.toml >/dev/null
echo "configuration is valid, and may hold secrets: $(stat -c %a /etc/httpok/httpok.toml)"
echo "manual: $(man -w httpok.toml)"
cat > /etc/httpok/httpok.toml <<CONFIG
[embedded]
on_exit = "leave"
[[program]]
name = "shop"
command = ["sh", "-c", "echo \$\$ >> /starts; exec sleep 1000"]
[[check]]
name = "shop"
url = "exec:"
command = "true"
every = "1h"
restart = "program/shop"
CONFIG
systemctl start httpok.service
up
httpok silence shop --for 1h >/dev/null
: > /systemctl.log
before=$(cat /main.pid)
done_well install "$2"
up
echo "upgrade asked: $(asked)"
echo "upgrade replaced: $([ "$before" = "$(cat /main.pid)" ] && echo no || echo yes), to $(version)"
echo "configuration: $(head -n 1 /etc/httpok/httpok.toml)"
echo "silence: $(httpok status | grep -c silenced)"
echo "program starts: $(wc -l < /starts)"
kill -0 "$(cat /starts)"
echo "adopted: $(httpok status | grep -c "RUNNING *$(cat /starts) ")"
done_well remove
echo "remove asked: $(asked)"
echo "remove left: $(pgrep -x httpok | wc -l) running, $(find /usr -xdev -name "*httpok*" | grep -c -v site-packages || true) in /usr"
echo "remove kept: $(cd / && ls -d etc/httpok/httpok.toml* var/lib/httpok/httpok.db | tr "\n" " ")"
case $1 in *.rpm) exit;; esac
done_well purge
echo "purge left: $(ls -d /etc/httpok /var/lib/httpok /var/log/httpok /etc/logrotate.d/httpok 2>/dev/null | tr "\n" " ")"
' sh "$(basename "$old")" "$(basename "$new")"
