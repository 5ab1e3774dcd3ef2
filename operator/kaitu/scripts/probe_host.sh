# shellcheck shell=sh
# Fragment host: the machine itself. Data: one line, the deployment directory. Needs fields.sh.
#
# Lines: time boot os kernel arch cpus memTotal memAvailable load etc disk ipv6 owner fence machine down.
probe_host() {
    read -r directory || return 1
    date +'time%t%s' || return 1
    host_kernel
    code "$(host_os)"
    printf 'os\t%s\n' "$coded"
    # shellcheck disable=SC2046 # two words
    printf 'kernel\t%s\narch\t%s\n' $(uname -rm)
    host_disks "$directory"
    ! command -v ip >/dev/null || ip -6 -o addr show scope global | host_addresses
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
        code "$place"
        printf 'disk\t%s\t%s\t%s\n' "$coded" "$total" "$used"
    done
}

host_addresses() { # what can be reached now
    while read -r _ _ _ address about; do
        case $about in
        *\ tentative* | *\ deprecated* | *\ dadfailed*) ;;
        *) printf 'ipv6\t%s\n' "${address%%/*}" ;;
        esac
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
    sum=-
    [ ! -s /etc/machine-id ] || sum=$(sha256sum </etc/machine-id)
    printf 'machine\t%.16s\n' "$sum"
}

# What cron does of itself that takes the stack down: the place is said, never a word of what is there.
# A line of cron is judged with the scripts that it names; what those scripts run is not followed.
host_automation() {
    root=${KAITU_ROOT:-}
    host_in tables "$root"/etc/crontab "$root"/etc/cron.d/* "$root"/var/spool/cron/crontabs/* \
        "$root"/var/spool/cron/* | host_scripts
}

host_scripts() { # the scripts that stdin names, then those that cron runs by their place; each once
    seen=' '
    set --
    while IFS='	' read -r what place; do
        case $what in
        named) host_script "$root$place" && set -- "$@" "$root$place" ;;
        *) printf '%s\t%s\n' "$what" "$place" ;;
        esac
    done
    for place in "$root"/etc/cron.hourly/* "$root"/etc/cron.daily/* "$root"/etc/cron.weekly/* \
        "$root"/etc/cron.monthly/*; do
        host_script "$place" && set -- "$@" "$place"
    done
    host_in scripts "$@"
}

host_script() { # host_script FILE: it is a file, and was not seen yet; at most a hundred
    case $seen in
    *" $1 "*) return 1 ;;
    esac
    [ -f "$1" ] && [ ${#seen} -le 8192 ] && seen="$seen$1 "
}

host_in() { # host_in tables|scripts FILE...: the lines `down PLACE` of them, and `named SCRIPT` of tables
    kind=$1
    shift
    for file in "$@"; do
        shift
        [ ! -f "$file" ] || set -- "$@" "$file"
    done
    several 262144 "$@" | awk -v kind="$kind" "$several_reader$host_reader" | while IFS='	' read -r what place; do
        case $what in
        down)
            code "${place#"$root"}"
            printf 'down\t%s\n' "$coded"
            ;;
        *) printf 'named\t%s\n' "$place" ;;
        esac
    done
}

# Of a table each line that runs `compose ... down`, of a script the file. A program is no text. `cd` says
# where a script is that has no path of its own; what is written to is no script.
# shellcheck disable=SC2016 # awk's own dollars
host_reader='
kind == "scripts" && line == 1 { text = file ~ /\.sh$/ || /^#!/ }
(kind == "scripts" && !text) || /^[ \t]*#/ { next }
/compose[ \t]([^;&|#]*[ \t])?down([^A-Za-z0-9_.-]|$)/ && ++count[file] <= (kind == "tables" ? 5 : 1) {
    print "down\t" file (kind == "tables" ? ":" line : "")
}
kind == "tables" && line <= 200 && (size[file] += length($0) + 1) <= 65536 { named($0) }
function named(text,   word, words, i, before, base) {
    gsub(/[;&|()"]/, " ", text)
    gsub(/\047/, "", text)
    words = split(text, word)
    for (i = 1; i <= words; i++) {
        if (before == "cd") base = word[i] "/"
        if (before !~ />$/ && word[i] !~ /^>/) {
            if (word[i] ~ /^\//) print "named\t" word[i]
            else if (base != "") print "named\t" base word[i]
        }
        before = word[i]
    }
}
'
