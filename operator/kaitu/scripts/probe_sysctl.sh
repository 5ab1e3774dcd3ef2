# shellcheck shell=sh
# Fragment sysctl: what the kernel runs with, and what the files make of it at the next boot.
# Data: one key per line, in dots.
#
# Lines: running KEY VALUE | absent KEY | unreadable KEY (the kernel only takes it);
#        dropin - | dropin foreign | dropin CONTENT MODE;
#        later PATH KEY VALUE (a file that is applied after ours at boot sets it, too).
# CONTENT is base64, PATH and VALUE are as fields.sh has them, of VALUE also the tabs. Needs fields.sh.
probe_mark='# kaitu-operator: written from the KaituNode, changes here are undone'

probe_sysctl() {
    root=${KAITU_ROOT:-}
    ours=99-z-kaitu.conf
    wanted=' '
    set --
    while IFS= read -r key; do
        wanted="$wanted$key "
        if sysctl_path "$key"; then set -- "$@" "$path"; else printf 'absent\t%s\n' "$key"; fi
    done
    sysctl_running "$@"
    sysctl_dropin "$root/etc/sysctl.d/$ours"
    names=$(sysctl_later)
    [ -z "$names" ] || printf '%s\n' "$names" | sort -u | while IFS= read -r name; do sysctl_first "$name"; done
    # with systemd this file counts only where a link in sysctl.d leads to it
    [ -d "$root/run/systemd/system" ] || sysctl_file /etc/sysctl.conf
}

# Sets `swapped` to KEY with every FROM as TO.
sysctl_swap() { # sysctl_swap KEY FROM TO
    swapped='' rest=$1
    while :; do
        case $rest in
        *"$2"*) swapped=$swapped${rest%%"$2"*}$3 rest=${rest#*"$2"} ;;
        *) break ;;
        esac
    done
    swapped=$swapped$rest
}

sysctl_path() { # sysctl_path KEY. A slash could climb out of /proc/sys; dots become slashes
    case $1 in
    '' | */*) return 1 ;;
    esac
    sysctl_swap "$1" . /
    path=$root/proc/sys/$swapped
    [ -f "$path" ]
}

# What no line could be read of is a file that the kernel only takes; an empty value is an empty line.
sysctl_running() { # sysctl_running FILE...
    several 65536 "$@" | awk -v place="$root/proc/sys/" "$several_reader$sysctl_reader"
}

# shellcheck disable=SC2016 # awk's own dollars
sysctl_reader='
{ value[at] = value[at] $0 "\n" }
END {
    for (i = 1; i <= names; i++) {
        key = substr(name[i], length(place) + 1)
        gsub("/", ".", key)
        if (i != at) sub(/\n$/, "", value[i])
        if (value[i] == "") print "unreadable\t" key
        else { sub(/\n+$/, "", value[i]); running(value[i]) }
    }
}
function running(text) {
    printf "running\t%s\t%s", key, text ~ /^[\t -~]*$/ ? "=" text : ""
    if (text !~ /^[\t -~]*$/) {
        fflush()
        printf "%s", text | "base64 -w0"
        close("base64 -w0")
    }
    print ""
}
'

sysctl_dropin() { # sysctl_dropin FILE. What is no plain file or far too long was never ours
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then
        printf 'dropin\t-\n'
    elif [ -f "$1" ] && [ ! -L "$1" ] && about=$(stat -c '%a %s' "$1") && [ "${about#* }" -le 262144 ] &&
        { IFS= read -r first || :; } <"$1" && [ "$first" = "$probe_mark" ]; then
        printf 'dropin\t%s\t%s\n' "$(base64 -w0 <"$1")" "${about% *}"
    else
        printf 'dropin\tforeign\n'
    fi
}

# The names of the files that count after ours: the order is by name, whatever the directory.
sysctl_later() {
    for file in "$root"/etc/sysctl.d/*.conf "$root"/run/sysctl.d/*.conf \
        "$root"/usr/local/lib/sysctl.d/*.conf "$root"/usr/lib/sysctl.d/*.conf "$root"/lib/sysctl.d/*.conf; do
        name=${file##*/}
        case $name in
        '*.conf' | *[!!-~]*) continue ;;
        esac
        # shellcheck disable=SC3012 # dash, busybox and bash have it
        [ "$name" \> "$ours" ] && echo "$name"
    done
}

sysctl_first() { # sysctl_first NAME: of files of one name only the first counts, also when empty
    for directory in /etc /run /usr/local/lib /usr/lib /lib; do
        file=$directory/sysctl.d/$1
        if [ -e "$root$file" ] || [ -L "$root$file" ]; then
            sysctl_file "$file"
            return
        fi
    done
}

sysctl_file() { # sysctl_file PATH: the settings of wanted keys in it
    [ -f "$root$1" ] && [ -r "$root$1" ] || return 0
    head -c 262144 "$root$1" | while IFS= read -r line || [ -n "$line" ]; do
        sysctl_setting "$1" "$line"
    done
}

# A key is in dots, or in slashes (then a dot is part of a name). A comment is no key that anybody
# wants, and a pattern never beats a plain key.
sysctl_setting() { # sysctl_setting PATH LINE
    case $2 in
    *=*) sysctl_trim "${2%%=*}" && key=$trimmed ;;
    *) return 0 ;;
    esac
    case $key in
    -*) sysctl_trim "${key#-}" && key=$trimmed ;;
    esac
    case ${key%%/*} in
    *.* | "$key") ;;
    *) sysctl_swap "$key" / . && key=$swapped ;;
    esac
    case $wanted in
    *" $key "*)
        sysctl_trim "${2#*=}"
        code "$1" && file_coded=$coded
        code "$trimmed"
        printf 'later\t%s\t%s\t%s\n' "$file_coded" "$key" "$coded"
        ;;
    esac
}

sysctl_trim() { # sysctl_trim TEXT: sets `trimmed` to it without white space at both ends
    trimmed=${1#"${1%%[![:space:]]*}"}
    trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
}
