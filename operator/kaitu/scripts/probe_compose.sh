# shellcheck shell=sh disable=SC2030,SC2031 # the parts run in the subshell of the whole
# Fragment compose: the compose file, and what the node remembers of its releases. Needs docker.sh
# and fields.sh.
# Data: the deployment directory, then the managed lines of .env as they should be; these may be
# secret: they go through pipes only, and nothing that depends on them is printed but same or differs.
#
# Lines: dir absent|present|unsafe; file SHA256|absent|unsafe;
#        record KEY VERSION FILE-SHA256 same|differs, then service NAME IMAGE-ID for each of it;
#        held NAME same|differs CODE SERVICE due|restored|failed|kept|none KEY; pending KEY;
#        moved KEY NAME, when the release that runs has newer images; refreshed TIME REQUEST;
#        update TIME VERSION CODE SERVICE, at most ten; job idle, or job running KIND KEY PHASE;
#        result KIND KEY same|differs CODE DETAIL TRIES AGE, for each kind that has one.
# Where there is a file and no record, to tell whether what runs is what the file says:
#        hash SERVICE HASH, by the node's own compose; image REFERENCE ID (base64, of the local tag).
probe_compose() (
    IFS= read -r directory || return 1
    sealed=$(seal) || sealed=none
    place=${KAITU_ROOT:-}$directory
    file=$(compose_file)
    printf 'dir\t%s\nfile\t%s\n' "$(compose_directory)" "$file"
    compose_record
    compose_held
    compose_job || return 1
    compose_remembered
    compose_results
    case $file in
    absent | unsafe) ;;
    *) [ -s "$KAITU_STATE/record" ] || compose_hashes ;;
    esac
)

compose_directory() {
    if [ ! -e "$place" ] && [ ! -L "$place" ]; then
        echo absent
    elif [ -d "$place" ] && [ "$(cd -P "$place" && pwd -P)" = "$place" ]; then
        echo present
    else
        echo unsafe
    fi
}

compose_file() {
    if [ -L "$place/docker-compose.yml" ]; then
        echo unsafe
    elif [ ! -e "$place/docker-compose.yml" ]; then
        echo absent
    elif [ -f "$place/docker-compose.yml" ] && sum=$(sha256sum <"$place/docker-compose.yml"); then
        echo "${sum%% *}"
    else
        echo unsafe
    fi
}

compose_same() { # compose_same SEAL
    [ "$1" = "$sealed" ] && echo same || echo differs
}

# A job may take a file away between two looks at it: then there is none.
compose_record() { # a record that is not whole is none
    [ -s "$KAITU_STATE/record" ] || return 0
    read -r key version sum mac <"$KAITU_STATE/record" || return 0
    [ -n "$mac" ] || return 0
    printf 'record\t%s\t%s\t%s\t%s\n' "$key" "$version" "$sum" "$(compose_same "$mac")"
}

compose_held() {
    [ -s "$KAITU_STATE/held" ] || return 0
    read -r name mac code service then key <"$KAITU_STATE/held" || return 0
    [ -n "$key" ] || return 0
    printf 'held\t%s\t%s\t%s\t%s\t%s\t%s\n' \
        "$name" "$(compose_same "$mac")" "$code" "$service" "$then" "$key"
}

compose_remembered() { # what is told line by line; a file that is not there is passed over
    several 65536 "$KAITU_STATE/record" "$KAITU_STATE/refreshed" "$KAITU_STATE/job/moved" "$KAITU_STATE/updates" |
        awk "$several_reader"'
            at == 1 && line > 1 && NF == 2 { print "service\t" $1 "\t" $2 }
            at == 2 && NF == 2 { print "refreshed\t" $1 "\t" $2 }
            at == 3 && NF == 2 { print "moved\t" $1 "\t" $2 }
            at == 4 && NF == 4 { update[++updates] = "update\t" $1 "\t" $2 "\t" $3 "\t" $4 }
            END { for (i = updates > 10 ? updates - 9 : 1; i <= updates; i++) print update[i] }'
}

compose_job() { # the lock lives as long as the job or any child of it
    [ ! -s "$KAITU_STATE/job/pending" ] || printf 'pending\t%s\n' "$(cat "$KAITU_STATE/job/pending")"
    state=0
    [ ! -e "$KAITU_STATE/job.lock" ] || flock -n -s -E 75 8 8<"$KAITU_STATE/job.lock" || state=$?
    case $state in
    0) printf 'job\tidle\n' ;;
    75)
        kind='' key='' phase=''
        [ ! -s "$KAITU_STATE/job/state" ] || read -r kind key phase <"$KAITU_STATE/job/state" || :
        printf 'job\trunning\t%s\t%s\t%s\n' "${kind:--}" "${key:--}" "${phase:--}"
        ;;
    *) return 1 ;;
    esac
}

compose_results() {
    now=$(date +%s)
    stat -c '%Y %n' "$KAITU_STATE"/job/result.* | while read -r ended result; do
        kind=${result##*/result.}
        case $kind in
        pull | up | repair | record | restore) ;;
        *) continue ;;
        esac
        [ -s "$result" ] && read -r key mac code detail tries <"$result" || continue
        age=$((now - ended))
        [ "$age" -ge 0 ] || age=999999 # the clock was set back: whatever had to rest has rested
        printf 'result\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' \
            "$kind" "$key" "$(compose_same "$mac")" "$code" "$detail" "$tries" "$age"
    done
}

compose_hashes() { # nothing is printed where compose cannot read the two files
    project=$(project_of "$directory") || return 0
    dotenv=$directory/.env
    [ -f "$dotenv" ] || dotenv=/dev/null
    hashes=$(compose_do 10 "$directory/docker-compose.yml" "$dotenv" config --hash '*' 2>/dev/null) ||
        return 0
    printf '%s\n' "$hashes" | awk 'NF == 2 { print "hash\t" $1 "\t" $2 }'
    # shellcheck disable=SC2046 # ids are words
    set -- $(docker_do 10 ps -aq --filter "label=com.docker.compose.project=$project" | head -n 100)
    [ $# -gt 0 ] || return 0
    docker_do 10 inspect --type container --format '{{.Config.Image}}' "$@" | sort -u | head -n 50 |
        while read -r reference; do
            id=$(docker_do 10 image inspect --format '{{.Id}}' "$reference") || id=-
            printf 'image\t%s\t%s\n' "$(printf %s "$reference" | base64 -w0)" "$id"
        done
}
