# shellcheck shell=sh disable=SC2154
# The swap of .env, which has other writers. Gives the others: env_copy, env_recover, replace_env.
#
# A check before a rename loses whoever saves between the two. So the new file and the live one are
# exchanged, and what came out is compared: if it is not what was merged from, it goes back in.
# `note` says what the answer should: weak, if no exchange can be had here and a second look had to
# do; conflict, if an edit of somebody's lies beside, as .env.kaitu-conflict.*, for a person to look at.
note=
SWAP=./.kaitu-swap.env
JOURNAL=env.journal # one line: DIRECTORY OLD NEW

env_copy() { # env_copy: sets `copy` to a private copy of .env, `seen` to its digest, or absent
    look .env
    seen=$current
    begin
    copy=$draft
    [ "$seen" != absent ] || return 0
    complaint=$(cat ./.env 2>&1 >"$copy") || refuse "$complaint"
    [ "$(digest "$copy")" = "$seen" ] || finish ECONFLICT .env
}

env_draft() { # env_draft: sets `draft` to an empty file with the owner, mode and ACL of .env
    begin
    [ "$seen" != absent ] || return 0
    cp --attributes-only --preserve=all ./.env "$draft" || {
        chown "$(stat -c %u:%g ./.env)" "$draft" && chmod "$(stat -c %a ./.env)" "$draft"
    }
    [ "$(stat -c '%a %u %g' "$draft")" = "$(stat -c '%a %u %g' ./.env)" ] || finish EWRITE .env
}

swap_number() { # of the system call renameat2
    case $(uname -m) in
    x86_64) echo 316 ;;
    aarch64 | riscv64) echo 276 ;;
    armv*) echo 382 ;;
    esac
}

exchange() { # exchange A B: both names at once; fails, and changes nothing, where that cannot be had
    if mv --exchange -T "$1" "$2" || exch "$1" "$2"; then return 0; fi
    number=$(swap_number)
    [ -n "$number" ] || return 1
    # shellcheck disable=SC2016 # perl's own variables
    perl -e 'exit(syscall($ARGV[2] + 0, -100, $ARGV[0], -100, $ARGV[1], 2) ? 1 : 0)' \
        "$1" "$2" "$number" ||
        python3 -Ic 'import ctypes, os, sys
a, b, number = map(os.fsencode, sys.argv[1:])
sys.exit(ctypes.CDLL(None).syscall(int(number), -100, a, -100, b, 2) != 0)' "$1" "$2" "$number"
} >/dev/null

env_recover() { # what a cut exchange left is decided by what it holds; nobody's edit is thrown away
    [ -e "$SWAP" ] || return 0
    if [ -L "$SWAP" ] || [ ! -f "$SWAP" ]; then finish ENOTREG "${SWAP#./}"; fi
    where='' old='' new=''
    [ ! -e "$KAITU_STATE/$JOURNAL" ] || read -r where old new <"$KAITU_STATE/$JOURNAL" || :
    [ "$where" = "$(pwd -P)" ] || old='' new=''
    give_back "$old" "$new"
}

give_back() { # give_back OLD NEW: empty the swap file; one that is neither is somebody's edit
    swapped=$(digest "$SWAP") || finish EREAD .env
    if [ "$swapped" != "$1" ] && [ "$swapped" != "$2" ] && [ "$(digest ./.env)" = "$2" ]; then
        # Beside as well: who has opened our file meanwhile will save it over what goes back in.
        { beside=$(env_beside) && cp -p "$SWAP" "$beside"; } || finish EWRITE .env
        note=conflict
        exchange "$SWAP" ./.env && swapped=$(digest "$SWAP")
    fi
    case $swapped in
    "$1" | "$2") rm -f "$SWAP" ;;
    *) note=conflict && beside=$(env_beside) && mv -f "$SWAP" "$beside" ;;
    esac || finish EWRITE .env
    flushed .
}

env_beside() {
    mktemp ./.env.kaitu-conflict.XXXXXXXX
}

# replace_env: the flushed draft becomes .env, which must still be what `env_copy` saw. Ends with
# ECONFLICT if somebody wrote meanwhile: then their file is in place.
replace_env() {
    fresh=$(digest "$draft")
    if [ "$seen" = absent ]; then
        ln "$draft" ./.env || finish ECONFLICT .env # never over a file that has just come
        rm -f "$draft"
    else
        kept "$JOURNAL" "$(pwd -P) $seen $fresh"
        swap_env
    fi
    flushed .
    rm -f "$KAITU_STATE/$JOURNAL"
    [ "$(digest ./.env)" = "$fresh" ] || finish ERACED "$note"
}

swap_env() {
    mv -f -T "$draft" "$SWAP" || finish EWRITE .env
    # The first look only spares people an exchange that would go back in; the one after it decides.
    if is_seen ./.env && trade_env; then return; fi
    give_back "$seen" "$fresh"
    finish ECONFLICT "$note"
}

trade_env() {
    if exchange "$SWAP" ./.env; then
        # And once more after the disk: a writer may have had the old file open still.
        is_seen "$SWAP" && flushed . && is_seen "$SWAP" && rm -f "$SWAP"
    else
        note=weak
        is_seen ./.env && mv -f -T "$SWAP" ./.env
    fi
}

is_seen() {
    [ "$(digest "$1")" = "$seen" ]
}
