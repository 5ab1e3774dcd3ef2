# shellcheck shell=sh disable=SC2154
# Fragment cron: the daemon, the users that entries name, and every file that could be ours.
# Data: one user per line.
#
# Lines: daemon missing|down|active; user NAME yes|no;
#        file NAME MODE UID:GID ours|foreign SHA256 (NAME is as fields.sh has it, which is needed).
# A foreign file's digest is `-`, and no content is ever sent: commands can hold passwords.
probe_cron() {
    root=${KAITU_ROOT:-}
    printf 'daemon\t%s\n' "$(cron_daemon)"
    while IFS= read -r user; do
        printf 'user\t%s\t%s\n' "$user" "$(cron_user "$user")"
    done
    for file in "$root"/etc/cron.d/kaitu-*; do
        if [ -e "$file" ] || [ -L "$file" ]; then
            cron_file "$file"
        fi
    done
}

cron_daemon() {
    for process in "$root"/proc/[0-9]*; do
        if cron_running "$process"; then
            echo active
            return
        fi
    done
    for program in "$root"/usr/sbin/cron "$root"/usr/sbin/crond "$root"/usr/bin/crond; do
        if [ -x "$program" ] && cron_reads_folder "$program"; then
            echo down
            return
        fi
    done
    echo missing
}

# A cron in a container of this host is another one: its process namespace tells.
cron_running() { # cron_running DIRECTORY
    { IFS= read -r comm <"$1/comm"; } 2>/dev/null || return 1
    case $comm in
    cron | crond) ;;
    *) return 1 ;;
    esac
    # shellcheck disable=SC3013 # dash, busybox and bash have it
    [ "$1/ns/pid" -ef "$root/proc/self/ns/pid" ] && cron_reads_folder "$1/exe"
}

cron_reads_folder() { # cron_reads_folder PROGRAM: busybox has a crond that knows no /etc/cron.d
    case $(readlink -f "$1") in
    */busybox*) return 1 ;;
    esac
}

cron_user() { # a number is no name to cron
    case $1 in
    -*) echo no ;;
    *[!0-9]*) id -u "$1" >/dev/null 2>&1 && echo yes || echo no ;;
    *) echo no ;;
    esac
}

cron_file() { # cron_file FILE: ours by its first line, not by its name
    owner=foreign sum=-
    if [ -f "$1" ] && [ ! -L "$1" ] &&
        { IFS= read -r first || :; } <"$1" && [ "$first" = "$probe_mark" ]; then
        owner=ours
        sum=$(sha256sum <"$1") && sum=${sum%% *}
    fi
    code "${1##*/}"
    about=$(stat -c '%a %u:%g' "$1")
    printf 'file\t%s\t%s\t%s\t%s\t%s\n' "$coded" "${about% *}" "${about#* }" "$owner" "$sum"
}
