# shellcheck shell=sh disable=SC2154,SC2034
# What the detached job does, in parts; start_job.sh puts them together. Its words are in variables.
#
# Nothing is ever taken down: images are there before anything is swapped, and what waits behind the
# gate is not touched while the gate is shut. What fails before the swap has changed nothing; what
# fails after it is held on the node, until something of the input changes.
conclude() { # conclude CODE [DETAIL]: what `finish` is in the job. An end is a result; nobody listens
    case ${2:-} in
    *[!A-Za-z0-9_./:@,=+-]*) set -- "$1" unprintable ;;
    esac
    [ -z "${watcher:-}" ] || kill "$watcher"
    rm -f "$job/env" "$job/env.want" "$job/docker-compose.yml"
    last_result
    jot "result.$kind" "$key $sealed $1 ${2:--} $tries"
    exit 0
}

last_result() { # sets `last_code` and `tries` of the last job of this kind with the same input
    last_code='' tries=1 old_key='' old_mac='' old_code=''
    [ -s "$job/result.$kind" ] || return 0
    read -r old_key old_mac old_code _ old_tries <"$job/result.$kind"
    [ "$old_key $old_mac" != "$key $sealed" ] || last_code=$old_code tries=${old_tries:-1}
}

begun() { # until the job has written its own end, its end is that it was killed: so it is not begun hot
    last_result
    case $last_code in
    '' | OK) tries=1 ;;
    *) tries=$((tries + 1)) ;;
    esac
    jot "result.$kind" "$key $sealed EKILLED - $tries"
}

jot() { # jot NAME TEXT: in the job's directory, on the disk before this returns
    printf '%s\n' "$2" | dd of="$job/.new.$1" conv=fsync && mv -f "$job/.new.$1" "$job/$1" &&
        flushed "$job"
}

phase() { # phase NAME: for people, and for the probe
    printf '%s %s %s\n' "$kind" "$key" "$1" >"$job/.new.state" && mv -f "$job/.new.state" "$job/state"
}

now() {
    date +%s
}

unlock() { # and leave the directory, so that the next writer's drafts are not cleared away
    rm -f "$drafts".*
    cd "$job" || finish EWRITE "$job"
    command exec 9>&-
}

prepare() { # the .env as it will be, beside the staged file; the node's compose must accept both
    phase prepare
    hold
    into "$directory"
    env_recover
    env_copy
    merge_env "$copy" "$job/env.want" "$job/env" || finish "$code"
    unlock
    secret_filled "$job/env" || finish ENOSECRET
    docker_answers
    since=$(daemon)
    self_test
    project=$(project_of "$directory") || finish EDOCKER
    staged 60 config -q || refuse_files
    services=$(staged 60 config --services) || finish EINVALID
    case " $(echo $services) $gate $named" in
    *' -'*) finish EINVALID ;; # it would be an option of what we call
    esac
}

refuse_files() { # which of the two it is that the node's compose cannot read
    if nothing_with /dev/null && ! nothing_with "$job/env"; then finish EENV; fi
    finish EINVALID
}

nothing_with() { # nothing_with ENV: compose reads it, with a file that says nothing
    echo 'services: {}' | compose_do 60 - "$1" config -q
}

# secret_filled FILE: the node has its own secret there, and it is not empty. Without it nothing is started.
secret_filled() {
    awk '{ sub(/^[ \t]*(export[ \t]+)?/, "") }
        /^K2_NODE_SECRET[ \t]*[=:]/ {
            sub(/^[^=:]*[=:][ \t]*/, "")
            filled = ($0 !~ /^(""|\047\047)?[ \t\r]*(#.*)?$/)
        }
        END { exit !filled }' "$1"
}

staged() { # staged SECONDS WORD...: compose on what lies in the job's directory
    seconds=$1
    shift
    compose_do "$seconds" "$job/docker-compose.yml" "$job/env" "$@"
}

live() { # live SECONDS WORD...: compose on what is in place
    seconds=$1
    shift
    compose_do "$seconds" "$directory/docker-compose.yml" "$directory/.env" "$@"
}

docker_answers() { # a daemon that fell silent is no fault of the release
    docker_do 10 version >/dev/null || finish EDOCKER
}

daemon() { # which run of Docker's daemon this is; empty where that cannot be told
    timeout -k 2 5 systemctl show -p MainPID,ActiveEnterTimestampMonotonic docker.service
}

# A daemon that stops takes the containers with it before it falls silent itself, and one that was
# started again did so: neither is a fault of the release.
docker_stayed() {
    sleep 3
    docker_answers
    [ ! -e "$job/silent" ] || finish EDOCKER
    [ "$(daemon)" = "$since" ] || finish EDOCKER
    case $(timeout -k 2 5 systemctl is-active docker.service) in
    deactivating) finish EDOCKER ;;
    esac
}

watch_docker() { # a daemon that hung for a while has used up the gate's time, and leaves no other trace
    rm -f "$job/silent"
    while kill -0 $$ && sleep 3; do
        docker_do 10 version >/dev/null || : >"$job/silent"
    done 8>&- 9>&- &
    watcher=$!
}

self_test() { # what calls itself docker must know what is not there
    docker_do 10 inspect --type container kaitu-operator/absent >/dev/null && finish ESELFTEST docker
    project=kaitu-operator-absent
    nothing=$(compose_do 20 "$job/docker-compose.yml" "$job/absent" ps -aq) && finish ESELFTEST compose
    [ -z "$nothing" ] || finish ESELFTEST compose
}

# ------------------------------------------------------------------------------------------ pull

pull_all() {
    [ "$jitter" -eq 0 ] || { phase jitter && rest $(($(random) % (jitter + 1))); }
    phase pull
    deadline=$(($(now) + 1800)) attempt=1
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
    absent_image || return 0
    finish EPULL "$image"
}

pull_one() { # else sets `code`, and in `pause` the seconds to wait; ends where waiting is no use
    left=$((deadline - $(now)))
    [ "$left" -gt 5 ] || left=5
    complaint=$(staged "$left" pull -q "$service" 2>&1) && return 0
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
    rm -f "$job/env" "$job/env.want" "$job/docker-compose.yml" "$job/result.$kind"
    exit 0
}

random() {
    od -An -N3 -tu4 /dev/urandom | tr -d ' \n'
}

# ------------------------------------------------------------------------------------------ swap

absent_image() { # sets `image` to the first that is not on the node, or fails if there is none
    images=$(staged 60 config --images) || finish EINVALID
    for image in $images; do
        docker_do 10 image inspect --format '{{.Id}}' "$image" >/dev/null && continue
        docker_answers
        return 0
    done
    return 1
}

images_present() { # nothing may be missing when the swap begins
    absent_image || return 0
    rm -f "$job/result.pull"
    finish ENOTPULLED "$image"
}

swap() { # file and .env, under the lock; a mark before the first byte says that it has begun
    phase swap
    hold
    into "$directory"
    env_recover
    env_copy
    env_draft
    merge_env "$copy" "$job/env.want" "$draft" || finish "$code"
    jot pending "$key" || finish ENOSPC "$job"
    if [ "$(digest "$draft")" != "$seen" ]; then
        flush_file "$draft"
        replace_env
    fi
    swap_file
    unlock
}

swap_file() {
    look docker-compose.yml
    [ "$current" != "$file_sha" ] || return 0
    begin 644
    complaint=$(cat "$job/docker-compose.yml" 2>&1 >"$draft") || refuse "$complaint"
    flush_file "$draft"
    publish docker-compose.yml "$file_sha"
}

# ---------------------------------------------------------------------------------------- follow

up() { # up SECONDS WORD...
    seconds=$1
    shift
    complaint=$(live "$seconds" up -d --pull never --no-build --remove-orphans=false "$@" 2>&1)
}

pass_gate() { # the gate services alone; while they are not well nothing else is touched
    [ -n "$gate" ] || return 0
    phase gate
    # shellcheck disable=SC2086 # names are words
    up $((gate_seconds + 120)) --no-deps --wait --wait-timeout "$gate_seconds" $gate && return 0
    docker_answers
    # shellcheck disable=SC2086
    assess $gate && bad=${gate%% *}
    keep_held EGATE "$bad"
}

stop_leavers() { # services of our last record that the file lacks: stopped first, removed at the end
    leavers=''
    [ -s "$KAITU_STATE/record" ] || return 0
    for service in $(awk 'NR > 1 { print $1 }' "$KAITU_STATE/record"); do
        case " $(echo $services) " in
        *" $service "*) ;;
        *) leavers="$leavers $(containers_of "$service")" ;;
        esac
    done
    # shellcheck disable=SC2086
    [ -z "${leavers# }" ] || docker_do 120 stop $leavers >/dev/null
}

remove_leavers() {
    # shellcheck disable=SC2086
    [ -z "${leavers# }" ] || docker_do 60 rm $leavers >/dev/null
}

containers_of() { # containers_of SERVICE: ids, on one line
    echo $(docker_do 10 ps -aq --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$1")
}

# A line per container: SERVICE STATE HEALTH EXIT POLICY RESTARTS IMAGE-ID ID-OF-ITS-TAG; a service
# without one says absent.
survey() { # survey SERVICE...
    for service in "$@"; do
        ids=$(containers_of "$service")
        [ -n "$ids" ] || echo "$service absent - - - 0 - -"
        for id in $ids; do
            set -- $(docker_do 10 inspect --type container --format "$survey_format" "$id")
            [ $# -eq 7 ] || continue
            echo "$service $1 $2 $3 $4 $5 $6 $(docker_do 10 image inspect --format '{{.Id}}' "$7")"
        done
    done
}
survey_format='{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{or .HostConfig.RestartPolicy.Name "no"}} {{.RestartCount}} {{.Image}} {{.Config.Image}}'

# Sets `bad` to the first service that is not as it should be; succeeds if there is none. One that is
# never restarted and has ended well is as it should be. A repair takes the images as they are: a tag
# that somebody moved is no fault of what runs.
assess() {
    sight=$(survey "$@")
    bad=$(printf '%s\n' "$sight" | awk -v any="$([ "$kind" != repair ] || echo 1)" '
        $2 == "running" && ($3 == "-" || $3 == "healthy") && (any || $7 == $8) { next }
        $2 == "exited" && $4 == 0 && $5 == "no" { next }
        { print $1; exit }')
    [ -z "$bad" ]
}

settle() { # settle SERVICE...: all well, and none was restarted for five seconds; else `bad` says who
    deadline=$(($(now) + gate_seconds)) before=
    while :; do
        if assess "$@" && [ "$sight" = "$before" ]; then return 0; fi
        [ "$(now)" -lt "$deadline" ] || [ -z "$before" ] || break # a slow node gets two looks as well
        before=$sight
        [ -n "$bad" ] && sleep 1 || sleep 5
    done
    [ -n "$bad" ] || bad=$(restless)
    return 1
}

restless() { # the first service whose line moved
    printf '%s\n%s\n' "$before" "$sight" | sort | uniq -u | awk '{ print $1; exit }'
}

verified_before() { # this very release was verified here once: the node broke, not the release
    [ -s "$KAITU_STATE/record" ] && read -r old_key _ _ old_mac <"$KAITU_STATE/record" &&
        [ "$old_key $old_mac" = "$key $sealed" ]
}

keep_held() { # keep_held CODE SERVICE: not tried again on this node until something of it changes
    if verified_before; then finish EREPAIR "${2:--}"; fi # still pending: it is tried again
    docker_stayed
    kept held "$key $sealed $1 ${2:--}"
    finish "$1" "${2:--}"
}

keep_record() {
    kept record "$key $version $file_sha $sealed
$(printf '%s\n' "$sight" | awk '{ print $1, $7 }')"
    rm -f "$KAITU_STATE/held" "$job/pending"
    flushed "$job"
}
