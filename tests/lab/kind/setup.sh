#!/bin/sh
# Runs once in the new root file system, as kind's own base image is set up. $1 is the pause image.
set -eu

# No units that touch the machine outside, and no kernel log in the journal.
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
    /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/sockets.target.wants/*udev* \
    /lib/systemd/system/basic.target.wants/* \
    /lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
echo ReadKMsg=no >>/etc/systemd/journald.conf
ln -sf /lib/systemd/systemd /sbin/init
systemctl enable kubelet containerd undo-mount-hacks
systemctl mask systemd-binfmt
mkdir -p /etc/kubernetes/manifests /etc/systemd/system/containerd.service.d

ctr oci spec |
    jq '.hooks.createContainer += [{path: "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
        >/etc/containerd/cri-base.json

# The pod images are loaded at the first start, and the kubelet waits for that.
cat >/etc/systemd/system/containerd.service.d/images.conf <<'CONF'
[Service]
ExecStartPost=/bin/sh -c "[ -e /var/lib/images-loaded ] || { ctr -n k8s.io images import /kind/images.tar >/dev/null && touch /var/lib/images-loaded; }"
CONF
printf '[Unit]\nAfter=containerd.service\n' >/etc/systemd/system/kubelet.service.d/images.conf

# Pause is one of them. Nobody may lower oom_score_adj where CAP_SYS_RESOURCE is missing.
sed -i "s|sandbox_image = .*|sandbox_image = \"$1\"|; s|restrict_oom_score_adj = false|restrict_oom_score_adj = true|" \
    /etc/containerd/config.toml
