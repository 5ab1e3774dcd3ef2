# shellcheck shell=sh
# First part of every script. Words: NONCE WORD...
#
# Gives the others: frame, finish, need, take. The answer is one frame on stdout and nothing else,
# so that no banner, shim or half-dead tool can be taken for an answer:
#   KNP1 NONCE LENGTH SHA256(NONCE PAYLOAD)\n PAYLOAD\n KNP1 NONCE END\n
set -u
umask 077
exec 2>/dev/null # a tool's complaint can quote what it was given; where it matters it is captured
unset CDPATH ENV BASH_ENV IFS
# sudo and sshd pass on neither KAITU_ variable: only a test that starts the shell itself sets them.
PATH=${KAITU_PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
: "${KAITU_STATE:=/var/lib/kaitu-operator}"
LC_ALL=C
export PATH LC_ALL

nonce=$1
shift

frame() { # frame PAYLOAD: the whole answer
    seal=$(printf '%s%s' "$nonce" "$1" | sha256sum)
    printf 'KNP1 %s %s %s\n%s\nKNP1 %s END\n' "$nonce" "${#1}" "${seal%% *}" "$1" "$nonce"
}

finish() { # finish CODE [DETAIL]: answer, and end
    case ${2:-} in
    *[!A-Za-z0-9_./:@,=+-]*) set -- "$1" unprintable ;;
    esac
    frame "{\"code\":\"$1\",\"detail\":\"${2:-}\"}"
    exit 0
}

need() { # need TOOL...: a missing tool is said, never mistaken for a finding
    for tool in "$@"; do
        command -v "$tool" >/dev/null || finish ENOTOOL "$tool"
    done
}

take() { # take SIZE: exactly that many bytes of stdin; `head -c` of busybox would read beyond them
    [ "$1" -eq 0 ] || dd bs="$1" count=1 iflag=fullblock
}

is_number() {
    case $1 in
    '' | *[!0-9]* | 0?*) return 1 ;;
    esac
    [ ${#1} -le 18 ]
}

need head sha256sum base64 awk cat cut dd mktemp timeout stat
case $(printf abc | sha256sum) in
"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad "*) ;;
*) finish ESELFTEST sha256sum ;;
esac
[ "$(printf abc | base64 -w0)" = YWJj ] || finish ESELFTEST base64
[ "$(echo a b | awk '{ print $2 }')" = b ] || finish ESELFTEST awk
[ "$(timeout 5 false && echo 0 || echo $?)" = 1 ] || finish ESELFTEST timeout
[ "$(command -v printf)" = printf ] || finish ESELFTEST printf # no builtin: data would be in argv
