# shellcheck shell=sh
# Fragment sysctl: what the kernel runs with, and what the files make of it at the next boot.
# Data: one key per line, in dots.
#
# Lines: running KEY VALUE | absent KEY | unreadable KEY (the kernel only takes it);
#        dropin - | dropin foreign | dropin CONTENT MODE;
#        later PATH KEY VALUE (a file that is applied after ours at boot sets it, too).
# CONTENT, PATH and VALUE are base64.
probe_mark='# kaitu-operator: written from the KaituNode, changes here are undone'

probe_sysctl() {
    root=${KAITU_ROOT:-}
    ours=99-z-kaitu.conf
    wanted=' '
    while IFS= read -r key; do
        sysctl_running "$key"
        wanted="$wanted$key "
    done
    sysctl_dropin "$root/etc/sysctl.d/$ours"
    sysctl_names | sed -n "/^$ours\$/,\$p" | while IFS= read -r name; do
        [ "$name" = "$ours" ] || sysctl_first "$name"
    done
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

sysctl_running() { # sysctl_running KEY. A slash could climb out of /proc/sys; dots become slashes
    case $1 in
    '' | */*) path='' ;;
    *) sysctl_swap "$1" . / && path=$root/proc/sys/$swapped ;;
    esac
    if [ ! -f "$path" ]; then
        printf 'absent\t%s\n' "$1"
    elif value=$(cat "$path" 2>/dev/null); then
        printf 'running\t%s\t%s\n' "$1" "$(printf %s "$value" | base64 -w0)"
    else
        printf 'unreadable\t%s\n' "$1"
    fi
}

sysctl_dropin() { # sysctl_dropin FILE. What is no plain file or far too long was never ours
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then
        printf 'dropin\t-\n'
    elif [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %s "$1")" -le 262144 ] &&
        { IFS= read -r first || :; } <"$1" && [ "$first" = "$probe_mark" ]; then
        printf 'dropin\t%s\t%s\n' "$(base64 -w0 <"$1")" "$(stat -c %a "$1")"
    else
        printf 'dropin\tforeign\n'
    fi
}

# The names of all files, in the order in which they count: by name, whatever the directory.
sysctl_names() {
    {
        echo "$ours"
        for file in "$root"/etc/sysctl.d/*.conf "$root"/run/sysctl.d/*.conf \
            "$root"/usr/local/lib/sysctl.d/*.conf "$root"/usr/lib/sysctl.d/*.conf \
            "$root"/lib/sysctl.d/*.conf; do
            case ${file##*/} in
            '*.conf' | *[!!-~]*) ;;
            *) echo "${file##*/}" ;;
            esac
        done
    } | sort -u
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
        printf 'later\t%s\t%s\t%s\n' "$(printf %s "$1" | base64 -w0)" "$key" \
            "$(printf %s "$trimmed" | base64 -w0)"
        ;;
    esac
}

sysctl_trim() { # sysctl_trim TEXT: sets `trimmed` to it without white space at both ends
    trimmed=${1#"${1%%[![:space:]]*}"}
    trimmed=${trimmed%"${trimmed##*[![:space:]]}"}
}
