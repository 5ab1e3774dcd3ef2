#!/bin/sh
# Runs once in the node's new root file system: what makes a Debian into a VPS that lives in a container.
set -eu

# Units that a container cannot run, or that would only cost time on two cores.
systemctl mask \
    systemd-udevd.service systemd-udev-trigger.service systemd-logind.service \
    systemd-networkd.service systemd-timesyncd.service systemd-firstboot.service \
    getty.target console-getty.service \
    dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    sys-fs-fuse-connections.mount \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer
systemctl enable ssh cron docker

# Identity is born at first boot: two nodes with one host key would prove nothing.
rm -f /etc/ssh/ssh_host_*_key* /var/lib/dbus/machine-id
: >/etc/machine-id

sed -i 's/^#\?Port .*/Port 1022/' /etc/ssh/sshd_config
cat >/etc/ssh/sshd_config.d/50-lab.conf <<'CONF'
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
HostKey /etc/ssh/ssh_host_ed25519_key
# One test's failed logins would lock out the next test, which comes from the same address.
PerSourcePenalties no
CONF

useradd -m -s /bin/bash -u 1000 ubuntu
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ubuntu
chmod 440 /etc/sudoers.d/ubuntu

# As on Ubuntu: /etc/sysctl.conf is read at boot, and the journal survives it.
: >>/etc/sysctl.conf
ln -sf ../sysctl.conf /etc/sysctl.d/99-sysctl.conf
mkdir -p /etc/systemd/system/systemd-sysctl.service.d /etc/systemd/journald.conf.d
printf '[Unit]\nConditionPathIsReadWrite=\n' >/etc/systemd/system/systemd-sysctl.service.d/lab.conf
printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\n' >/etc/systemd/journald.conf.d/lab.conf

mkdir -p /etc/docker /apps/kaitu-slave
: >>/etc/default/locale
touch /etc/.updated /var/.updated # nothing to do at first boot
