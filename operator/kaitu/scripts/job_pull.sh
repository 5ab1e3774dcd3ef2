# shellcheck shell=sh disable=SC2154,SC2034
# The pull of all images of the staged files, for the job. It disturbs nothing: the tags go back.
pull_all() {
    [ "$jitter" -eq 0 ] || { phase jitter && rest $(($(random) % (jitter + 1))); }
    phase pull
    note_tags
    deadline=$(($(now) + 1800)) attempt=1 fetched=' '
    for service in $services; do
        until pull_one; do
            if [ "$attempt" -ge "$attempts" ] || [ $(($(now) + pause)) -ge "$deadline" ]; then
                finish "$code" "$service"
            fi
            attempt=$((attempt + 1))
            rest "$pause"
        done
        give_way
    done
    note_next
    kept refreshed "$asked_at $asked"
}

pull_one() { # else sets `code`, and in `pause` the seconds to wait; ends where waiting is no use
    # shellcheck disable=SC2046 # words
    set -- $(printf '%s\n' "$stack" | awk -v it="$service" '$1 == it { print $2, $3; exit }')
    tagged=${1:-} platform=${2:-}
    [ -n "$tagged" ] || finish ENOIMAGE "$service"
    reference=$(pinned "$service" "$tagged") || reference=$tagged
    case $fetched in
    *" $reference=$tagged "*) return 0 ;; # another service has it, too
    esac
    left=$((deadline - $(now)))
    [ "$left" -gt 5 ] || left=5
    complaint=$(fetch "$left" 2>&1) && { fetched="$fetched$reference=$tagged " && return 0; }
    pull_code
    case $code in
    ENOIMAGE | ENOSPC) finish "$code" "$service" ;;
    EPULL) pause=$((1 << attempt)) ;;
    ERATELIMIT) pause=$(retry_after) ;;
    esac
    [ "$pause" -le 300 ] || pause=300
    docker_answers
    return 1
}

fetch() { # fetch SECONDS: by the pin, which takes the tag along, or by the tag
    docker_do "$1" pull -q ${platform:+--platform "$platform"} "$reference" || return 1
    [ "$reference" = "$tagged" ] || docker_do 10 tag "$(id_of "$reference")" "$tagged"
}

pull_code() {
    case $complaint in
    *toomanyrequests* | *'Too Many Requests'* | *' 429 '*) code=ERATELIMIT ;;
    *'manifest unknown'* | *'not found'* | *'access denied'* | *'denied:'*) code=ENOIMAGE ;;
    *'no space left'* | *'No space left'* | *'quota exceeded'*) code=ENOSPC ;;
    *) code=EPULL ;;
    esac
}

retry_after() { # what the registry said, where Docker passes it on; else longer from time to time
    told=$(printf %s "$complaint" | sed -n 's/.*[Rr]etry-[Aa]fter: *\([0-9][0-9]*\)\(\.[0-9]*\)\{0,1\}s.*/\1/p' | head -n 1)
    echo $((${told:-$((5 << (attempt - 1)))} + 1))
}

rest() { # rest SECONDS, in pieces, so that it can give way
    wake=$(($(now) + $1))
    while :; do
        give_way
        pause=$((wake - $(now)))
        [ "$pause" -gt 0 ] || return 0
        [ "$pause" -le 2 ] || pause=2
        sleep "$pause"
    done
}

give_way() { # start_job.sh asks for it: another release is wanted by now, and a pull changes nothing
    [ -e "$job/stop" ] || return 0
    [ -z "${timer:-}" ] || kill "$timer" # or it would speak for the next job
    tags_back
    rm -f "$job/env" "$job/env.want" "$job/docker-compose.yml" "$job/result.$kind"
    exit 0
}

random() {
    od -An -N3 -tu4 /dev/urandom | tr -d ' \n'
}
