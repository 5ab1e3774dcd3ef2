#!/bin/sh
# Stands in for every other service: says on its port which release it is.
read -r version </version
read -r role </role
case $version in *-crash) LAB_CRASH=release ;; esac
[ -z "$LAB_CRASH" ] || { echo "fatal: cannot start ($LAB_CRASH)"; exit 1; }
trap 'exit 0' TERM
[ -f /etc/kaitu/.ready ] && echo "$role $version: configuration found" || echo "$role $version: NO CONFIGURATION"
mkdir -p /www
echo "$role $version" >/www/index.html
httpd -p 443 -h /www || exit 1
while :; do sleep 3600 & wait $!; done
