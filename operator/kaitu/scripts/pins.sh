# shellcheck shell=sh disable=SC2154
# Which image a reference means here, and which one a pin makes of it. Needs docker.sh. Gives: id_of, pinned.
id_of() {
    docker_do 10 image inspect --format '{{.Id}}' "$1"
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
