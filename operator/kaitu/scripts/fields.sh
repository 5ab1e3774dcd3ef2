# shellcheck shell=sh
# How the probe reads and tells without a program for each thing: to start one costs a millisecond or two.
#
# Gives: code, several, several_reader.
code() { # code TEXT: sets `coded` to it as a field takes it: as it is behind a =, or in base64
    case $1 in
    *[!\ -~]*) coded=$(printf %s "$1" | base64 -w0) ;;
    *) coded="=$1" ;;
    esac
}

# several BYTES FILE...: the first bytes of each in one stream, behind a list of their names. No file is named
# by what another one holds, as long as it is the next of the list.
several() {
    most=$1
    shift
    [ $# -gt 0 ] || return 0
    printf '%s\n' "$@" ''
    head -v -c "$most" -- "$@"
}

# For awk: `file` is the one that this line is of, and `line` its number there; one that could not be
# opened is passed over. Between two files is a line that is empty, or ends the last of the one before.
# shellcheck disable=SC2016 # awk's own dollars
several_reader='
!listed { if ($0 == "") listed = 1; else name[++names] = $0; next }
/^==> / {
    for (next_one = at + 1; next_one <= names; next_one++) {
        if ($0 != "==> " name[next_one] " <==") continue
        at = next_one; file = name[at]; line = 0
        next
    }
}
{ line++ }
'
