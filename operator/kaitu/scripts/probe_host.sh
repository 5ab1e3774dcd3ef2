# shellcheck shell=sh
# Fragment host: the machine itself. Data: one line, the deployment directory.
#
# Lines: time boot os kernel arch cpus memTotal memAvailable load etc disk ipv6 owner fence machine down.
probe_host() {
    read -r directory || return 1
    date +'time%t%s' || return 1
    host_kernel
    printf 'os\t%s\n' "$(host_os | base64 -w0)"
    uname -rm | {
        read -r kernel arch
        printf 'kernel\t%s\narch\t%s\n' "$kernel" "$arch"
    }
    host_disks "$directory"
    ! command -v ip >/dev/null || ip -6 -o addr show scope global | awk '
        !/ (tentative|deprecated|dadfailed)/ { sub("/.*", "", $4); print "ipv6\t" $4 }'
    host_record owner
    host_record fence
    host_machine
    host_automation
}

# Figures that the kernel gives. PID 1's start, not the uptime: in a container that is the host's.
# Whether /etc can be written is asked of the mount table, as `[ -w ]` of some shells always says yes.
host_kernel() {
    awk '
    FILENAME == "/proc/stat" && /^cpu[0-9]/   { cpus++ }
    FILENAME == "/proc/stat" && $1 == "btime" { kernel_boot = $2 }
    FILENAME == "/proc/1/stat"                { sub(/.*\) /, ""); boot = kernel_boot + int($20 / 100) }
    $1 == "MemTotal:"                         { total = $2 }
    $1 == "MemAvailable:"                     { available = $2 }
    FILENAME == "/proc/loadavg"               { load = $1 }
    FILENAME == "/proc/self/mounts" && ($2 == "/" || $2 == "/etc") {
        options[$2] = $4
    }
    END {
        etc = ("/etc" in options) ? options["/etc"] : options["/"]
        printf "boot\t%d\ncpus\t%d\n", boot, cpus
        printf "memTotal\t%d\nmemAvailable\t%d\nload\t%s\n", total, available, load
        print "etc\t" (etc ~ /^ro(,|$)/ ? "ro" : "rw")
    }' /proc/stat /proc/1/stat /proc/meminfo /proc/loadavg /proc/self/mounts
}

host_os() { # the name of the system, read as text: sourcing the file would run it
    while IFS= read -r line; do
        case $line in
        PRETTY_NAME=*)
            line=${line#*=} line=${line#[\"\']}
            printf %s "${line%[\"\']}"
            return
            ;;
        esac
    done </etc/os-release
}

host_disks() { # host_disks DIRECTORY: one line per file system that a deployment fills
    for place in "$1" /var/lib/docker; do
        while [ ! -d "$place" ] && [ -n "$place" ]; do place=${place%/*}; done
        set -- "$@" "${place:-/}"
    done
    shift
    timeout -k 2 10 df -P -k / "$@" | awk '
        NR > 1 && !seen[$1, $2, $3]++ {
            total = $2; used = $5; sub("%", "", used)
            sub(/^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ /, "")
            print total, used, $0
        }' | while read -r total used place; do
        printf 'disk\t%s\t%s\t%s\n' "$(printf %s "$place" | base64 -w0)" "$total" "$used"
    done
}

host_record() { # host_record NAME: the two words of a line in the operator's directory
    first=- second=
    [ ! -e "$KAITU_STATE/$1" ] || read -r first second <"$KAITU_STATE/$1"
    case $first:$second in
    -:) printf '%s\t-\n' "$1" && return ;;
    :* | *: | *[!A-Za-z0-9_./:@,=+-]*) first='?' second='?' ;; # not a line that we wrote
    esac
    printf '%s\t%s\t%s\n' "$1" "$first" "$second"
}

host_machine() { # tells two machines apart without giving away the id, which systemd wants kept
    sum=$(sha256sum </etc/machine-id | cut -c1-16)
    [ -s /etc/machine-id ] || sum=-
    printf 'machine\t%s\n' "$sum"
}

# What cron does of itself that takes the stack down: the place is said, never a word of what is there.
# A line of cron is judged with the scripts that it names; what those scripts run is not followed.
host_automation() {
    root=${KAITU_ROOT:-}
    set -- "$root"/etc/crontab "$root"/etc/cron.d/* "$root"/var/spool/cron/crontabs/* \
        "$root"/var/spool/cron/*
    for table in "$@"; do
        [ ! -f "$table" ] || host_down "$table" line
    done
    host_lines "$@" | host_scripts
}

host_lines() { # host_lines TABLE...: by a pipe, as a here-document is a file in some shells
    for table in "$@"; do
        [ -f "$table" ] || continue
        head -c 65536 "$table" | head -n 200
        echo
    done
}

host_scripts() { # the scripts that the lines on stdin name, then those that cron runs by their place
    named=' '
    while read -r text; do
        case $text in
        '#'*) ;;
        */*) host_named "$text" ;;
        esac
    done
    for script in "$root"/etc/cron.hourly/* "$root"/etc/cron.daily/* "$root"/etc/cron.weekly/* \
        "$root"/etc/cron.monthly/*; do
        host_script "$script"
    done
}

host_named() { # host_named LINE: looks into the scripts among its words; `cd` says where they are
    set -f
    # shellcheck disable=SC2046 # splitting is the point
    set -- $(printf '%s' "$1" | tr ';&|()"' '      ' | tr -d "'")
    set +f
    base='' before=''
    for word in "$@"; do
        [ "$before" != cd ] || base=$word/
        case $before:$word in
        *'>:'* | *:'>'*) ;; # what is written to is no script
        *:/*) host_script "$root$word" ;;
        *) [ -z "$base" ] || host_script "$root$base$word" ;;
        esac
        before=$word
    done
}

host_script() { # host_script FILE: each once, and at most a hundred; a program is no text
    case $named in
    *" $1 "*) return 0 ;;
    esac
    [ -f "$1" ] && [ ${#named} -le 8192 ] || return 0
    named="$named$1 "
    case $1:$(head -c 2 "$1" | tr -d '\000') in
    *.sh:* | *:'#!') host_down "$1" file ;;
    esac
}

host_down() { # host_down FILE line|file: the first lines with `compose ... down`, or the file
    head -c 262144 "$1" | awk -v what="$2" '
        /^[ \t]*#/ { next }
        /compose[ \t]([^;&|#]*[ \t])?down([^A-Za-z0-9_.-]|$)/ {
            print what == "line" ? ":" NR : ""
            if (what == "file" || ++count == 5) exit
        }' | while read -r at; do
        printf 'down\t%s\n' "$(printf %s "${1#"$root"}$at" | base64 -w0)"
    done
}
