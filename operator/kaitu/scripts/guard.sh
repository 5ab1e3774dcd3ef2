# shellcheck shell=sh
# Second part of every script that writes. Words: INSTALLATION NAMESPACE/NAME COUNTER PROCESS WORD...
#
# Gives the others: hold, flushed, kept, why. Nothing is written before `hold` has returned: then
# this process has the node's lock, the node is ours, and no newer leader has written to it.
[ $# -ge 4 ] || finish EARG guard
need flock mv dd sync tr od wc rm mkdir
installation=$1
object=$2
counter=$3
process=$4
shift 4
is_number "$counter" || finish EARG counter
[ "$installation" != - ] || finish EARG installation

why() { # why TEXT: the code for what a tool complained of
    case $1 in
    *'No space left'* | *'uota exceeded'*) echo ENOSPC ;;
    *'Read-only file system'*) echo EROFS ;;
    *) echo EWRITE ;;
    esac
}

flushed() { # flushed DIRECTORY: its entries are on the disk
    sync "$1" || sync
}

kept() { # kept NAME TEXT: one line in the operator's directory, there before this returns
    fresh_record=$KAITU_STATE/.new.$1
    complaint=$(printf '%s\n' "$2" | dd of="$fresh_record" conv=fsync 2>&1) ||
        finish "$(why "$complaint")" "$1"
    mv -f "$fresh_record" "$KAITU_STATE/$1" || finish EWRITE "$1"
    flushed "$KAITU_STATE"
}

own_directory() { # the operator's directory: real, root's, closed to others; made if missing
    if [ ! -e "$KAITU_STATE" ] && [ ! -L "$KAITU_STATE" ]; then
        complaint=$(mkdir "$KAITU_STATE" 2>&1) || finish "$(why "$complaint")" "$KAITU_STATE"
        flushed "${KAITU_STATE%/*}"
    fi
    [ "$(stat -c '%F %u %a' "$KAITU_STATE")" = 'directory 0 700' ] || finish ESTATE "$KAITU_STATE"
}

lock() { # the kernel frees it when the last process that holds fd 9 is gone
    command exec 9>>"$KAITU_STATE/lock" || finish ELOCK
    flock -w 20 -E 75 9 # without -E, an option that flock does not know would look like "busy"
    case $? in
    0) ;;
    75) finish EBUSY ;;
    *) finish ELOCK ;;
    esac
    flock -n -E 75 "$KAITU_STATE/lock" true # ours now: a flock that lets one in here locks nothing
    [ $? -eq 75 ] || finish ESELFTEST flock
}

raise_fence() { # refuse a counter below the stored one, or the same of another process
    stored=0 holder=$process
    [ ! -e "$KAITU_STATE/fence" ] || read -r stored holder <"$KAITU_STATE/fence" || finish ESTATE fence
    is_number "$stored" || finish ESTATE fence
    [ "$counter" -ge "$stored" ] || finish EFENCED "$stored"
    [ "$counter" -gt "$stored" ] || [ "$holder" = "$process" ] || finish EFENCED "$stored"
    [ "$counter" = "$stored" ] || kept fence "$counter $process"
}

hold() { # hold [unowned [PREVIOUS]]: sets `owner` to what the record said; empty if there is none
    own_directory
    lock
    owner=
    [ ! -e "$KAITU_STATE/owner" ] || read -r owner <"$KAITU_STATE/owner" || finish ESTATE owner
    case $owner in
    "$installation $object") raise_fence ;;
    '') [ "${1:-}" = unowned ] || finish ENOOWNER ;;
    "${2:--} "*) ;;
    *) finish EOWNER "${owner%% *}/${owner#* }" ;;
    esac
}
