#!/bin/sh
# PID 1 of a node for its first moments: gives the container what a VPS has, then becomes systemd.
set -e

# A private cgroup2 tree. systemd >= 256 refuses v1, and Docker then reports what it does on a VPS.
mount -o remount,rw /sys
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
mount --make-rshared /

# Network sysctls are the node's own; all others are the whole machine's and must stay as they are.
mount --bind /proc/sys /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,ro /proc/sys
for shared in /proc/sysrq-trigger /proc/irq /proc/bus; do
    [ -e $shared ] || continue
    mount --bind $shared $shared
    mount -o remount,bind,ro $shared
done

mkdir -p /apps/kaitu-slave # may be an empty tmpfs
if ! [ -f /etc/ssh/ssh_host_ed25519_key ]; then # first boot; later what a fault took away stays away
    ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/ssh_host_ed25519_key
    for home in /root /home/ubuntu; do
        install -d -m 700 $home/.ssh
        (umask 077 && echo "$LAB_PUBLIC_KEY" >$home/.ssh/authorized_keys)
    done
    chown -R ubuntu: /home/ubuntu/.ssh
    echo "{\"insecure-registries\": [\"$LAB_REGISTRY\"]}" >/etc/docker/daemon.json
fi
[ "$LAB_ENGINE" = yes ] || systemctl mask docker.service docker.socket containerd.service

unset LAB_PUBLIC_KEY LAB_REGISTRY LAB_ENGINE
exec /lib/systemd/systemd
