# shellcheck shell=sh
# Third part of the scripts that write files. Nothing here follows a symlink, and no file is ever
# seen half written: a draft in the same directory is filled, flushed, and then renamed.
#
# Gives the others: clean, into, look, begin, receive, publish, digest, ours, flush_file.
MARK='# kaitu-operator: written from the KaituNode, changes here are undone'
LIMIT=1048576
drafts=./.kaitu-new # what a kill left behind is removed by the next who holds the lock

clean() { # clean PATH: absolute, without tricks, and nothing that we never write
    case $1/ in
    *//* | */./* | */../* | [!/]*) finish EARG "$1" ;;
    /etc/kaitu/* | *iptables* | *nftables*) finish EARG "$1" ;;
    /*/?*/) ;;
    *) finish EARG "$1" ;; # the root directory is nobody's place for a file
    esac
}

into() { # into DIRECTORY [mkdir]: stay in it from here on; a directory moved away takes us with it
    cd / || finish ENODIR /
    rest=${1#/}/
    while [ -n "$rest" ]; do
        step=./${rest%%/*} rest=${rest#*/}
        [ ! -L "$step" ] || finish ESYMDIR "$1"
        [ -e "$step" ] || [ "${2:-}" != mkdir ] || make_directory "$step"
        cd -P "$step" || finish ENODIR "$1"
    done
    [ "$(pwd -P)" = "$1" ] || finish ESYMDIR "$1"
    case $(stat -c %a .) in
    *[2367]) finish EUNSAFE "$1" ;;
    esac
    rm -f "$drafts".*
    trap 'rm -f "$drafts".*' EXIT
}

make_directory() {
    complaint=$(umask 022 && mkdir "$1" 2>&1) || finish "$(why "$complaint")" "${1#./}"
    flushed .
}

digest() { # digest FILE: by redirection, as a name in sha256sum's output could be escaped
    sum=$(sha256sum <"$1") && printf %s "${sum%% *}"
}

look() { # look NAME: sets `current` to the digest of the file, or absent; anything odd is refused
    current=absent
    [ ! -L "./$1" ] || finish ESYMLINK "$1"
    [ -e "./$1" ] || return 0
    [ -f "./$1" ] || finish ENOTREG "$1"
    case $(stat -c %h "./$1") in
    1) ;;
    '' | 0) finish ECONFLICT "$1" ;; # somebody put another file there while we looked
    *) finish ENOTREG "$1" ;; # a write would break the other name's link
    esac
    current=$(digest "./$1") || finish EREAD "$1"
}

ours() { # ours FILE: it carries our mark
    IFS= read -r first <"$1" && [ "$first" = "$MARK" ]
}

begin() { # begin [MODE]: sets `draft` to a new empty file of root; it has its rights before its data
    draft=$(mktemp "$drafts.XXXXXXXXXX" 2>&1) || refuse "$draft"
    complaint=$(chown 0:0 "$draft" 2>&1 && chmod "${1:-600}" "$draft" 2>&1) || refuse "$complaint"
}

refuse() { # refuse COMPLAINT: a write failed, and the old file is intact
    finish "$(why "$1")"
}

receive() { # receive SIZE [SHA]: fill the draft from stdin. A broken connection looks like its end
    [ "$1" -le "$LIMIT" ] || finish EARG size
    [ "$1" -eq 0 ] ||
        complaint=$(dd bs="$1" count=1 iflag=fullblock of="$draft" conv=notrunc,fsync 2>&1) ||
        refuse "$complaint"
    [ "$(stat -c %s "$draft")" = "$1" ] || finish ESHORT
    [ -z "${2:-}" ] || [ "$(digest "$draft")" = "$2" ] || finish EDIGEST
}

flush_file() {
    complaint=$(dd if=/dev/null of="$1" conv=notrunc,fsync 2>&1) || refuse "$complaint"
}

publish() { # publish NAME SHA: the draft becomes NAME, which must still be as `look` found it
    seen=$current
    look "$1"
    [ "$current" = "$seen" ] || finish ECONFLICT "$1"
    complaint=$(mv -f -T "$draft" "./$1" 2>&1) || refuse "$complaint"
    flushed .
    look "$1"
    [ "$current" = "$2" ] || finish ERACED "$1"
}
