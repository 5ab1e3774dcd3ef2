#!/bin/sh
# The sidecar's stand-in: "registers", then writes what the other services wait for.
read -r version </version
case $version in *-crash) LAB_CRASH=release ;; *-sick) LAB_SICK=release ;; esac
[ -z "$LAB_CRASH" ] || { echo "fatal: cannot start ($LAB_CRASH)"; exit 1; }
[ -n "$K2_NODE_SECRET" ] || { echo "fatal: K2_NODE_SECRET is empty"; exit 1; }
trap 'exit 0' TERM
mkdir -p /etc/kaitu
rm -f /etc/kaitu/.ready
echo "sidecar $version registers with $K2_CENTER_URL"
sleep "${READY_DELAY:-1}" & wait $!
if [ -z "$LAB_SICK" ]; then
    echo "domain=$K2_DOMAIN" >/etc/kaitu/config
    : >/etc/kaitu/.ready
    echo ready
fi
while :; do sleep 3600 & wait $!; done
