# shellcheck shell=sh disable=SC2154
# How Docker is called, by the probe and by the job. Gives: docker_do, compose_do, project_of, seal.
#
# Always in an empty environment and with a deadline: names in it, a context of the user or a COMPOSE_*
# variable would change what is done. What a call prints on stderr can hold secrets: it stays in shell
# variables, is told apart by patterns, and is never passed on.
docker_do() { # docker_do SECONDS WORD...
    limit=$1
    shift
    timeout -k 2 "$limit" env -i PATH="$PATH" HOME=/root LC_ALL=C DOCKER_CONTEXT=default docker "$@"
}

compose_do() { # compose_do SECONDS FILE ENV WORD...: on the project of `directory`
    limit=$1 file=$2 dotenv=$3
    shift 3
    docker_do "$limit" compose -p "$project" -f "$file" --env-file "$dotenv" \
        --project-directory "$directory" "$@"
}

# project_of DIRECTORY: the project of the containers that were made from it, else what compose would
# make of its base name. Fails when Docker does not answer.
project_of() {
    seen=$(docker_do 10 ps -a --filter "label=com.docker.compose.project.working_dir=$1" \
        --format '{{.Label "com.docker.compose.project"}}' 2>&1) || return 1
    plain=$(printf %s "${1##*/}" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9_-')
    while :; do
        case $plain in
        [_-]*) plain=${plain#?} ;;
        *) break ;;
        esac
    done
    found=$(printf '%s\n' "$seen" | awk -v plain="$plain" '
        $0 == plain { print; done = 1; exit }
        $0 != "" && first == "" { first = $0 }
        END { if (!done) print (first == "" ? plain : first) }')
    case $found in
    '' | [!a-z0-9]* | *[!a-z0-9_-]*) return 1 ;;
    esac
    printf %s "$found"
}

# seal: a keyed digest of stdin, with a key that never leaves the node. So the node knows its managed
# lines again, and nobody can try guesses on what it remembers. Fails where there is no key.
seal() {
    [ -s "$KAITU_STATE/mac.key" ] || return 1
    inner=$(cat "$KAITU_STATE/mac.key" - | sha256sum) || return 1
    outer=$({ cat "$KAITU_STATE/mac.key" && printf %s "${inner%% *}"; } | sha256sum) || return 1
    printf %s "${outer%% *}"
}
