# shellcheck shell=sh
# set_sysctl: set kernel values and read them back. Words: SIZE; data: lines of KEY=VALUE
#
# All lines are tried; the answer names the first key that did not take. `sysctl -w` is of no use
# here: it can print an error and exit 0, and it takes `net/../kernel/x` for a key of net.
[ $# -eq 1 ] || finish EARG set_sysctl
is_number "$1" || finish EARG size
hold

data=$(take "$1" && printf .) && data=${data%.}
[ ${#data} -eq "$1" ] || finish ESHORT

squeeze() { # squeeze TEXT: with single spaces, for the kernel answers with tabs
    set -f
    # shellcheck disable=SC2086 # splitting is the point
    printf '%s ' $1
    set +f
}

place() { # place KEY: sets `file`, or fails for what is no key
    case .$1. in
    *..* | *[!A-Za-z0-9_.-]*) return 1 ;;
    esac
    file=/proc/sys rest=$1.
    while [ -n "$rest" ]; do
        file=$file/${rest%%.*} rest=${rest#*.}
    done
}

set_one() { # set_one KEY VALUE: sets `code`
    code=EARG
    place "$1" || return 0
    code=EUNKNOWN
    [ -f "$file" ] || return 0
    wanted=$(squeeze "$2") code=SAME
    [ "$(squeeze "$(cat "$file")")" != "$wanted" ] || return 0
    printf '%s\n' "$2" >"$file"
    code=OK
    [ "$(squeeze "$(cat "$file")")" = "$wanted" ] || code=EREFUSED
}

answer=SAME failed=
while IFS= read -r line; do
    [ -n "$line" ] || continue
    set_one "${line%%=*}" "${line#*=}"
    case $failed:$code in
    :OK) answer=OK ;;
    :E*) answer=$code failed=${line%%=*}, ;; # the comma: also an empty key has failed
    esac
done <<DATA
$data
DATA
finish "$answer" "${failed%,}"
