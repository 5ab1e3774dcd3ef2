# shellcheck shell=sh disable=SC2154
# Which image a reference means here, and which one a pin makes of it. Needs docker.sh. Gives: id_of, ids_of,
# pinned.
id_of() {
    docker_do 10 image inspect --format '{{.Id}}' "$1"
}

ids_of() { # ids_of REFERENCE...: a line each, in this order; a dash for what is not here
    [ $# -gt 0 ] || return 0
    all=$(docker_do 10 image inspect --format '{{.Id}}' "$@") && printf '%s\n' "$all" && return 0
    for one in "$@"; do id_of "$one" || echo -; done
}

pinned() { # pinned SERVICE REFERENCE: the same repository by the digest of its pin; fails without one
    for pin in $pins; do
        case $pin in
        "$1=sha256:"*) ;;
        *) continue ;;
        esac
        repository=${2%%@*}
        case ${repository##*/} in
        *:*) repository=${repository%:*} ;;
        esac
        echo "$repository@${pin#*=}"
        return 0
    done
    return 1
}
