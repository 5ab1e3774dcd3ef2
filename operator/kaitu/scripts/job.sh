# shellcheck shell=sh disable=SC2154,SC2034
# What the detached job does, in parts; start_job.sh puts them together. Its words are in variables.
#
# Nothing is ever taken down: images are there before anything is swapped, and what waits behind the
# gate is not touched while the gate is shut. What fails before the swap has changed nothing; after what
# fails later the release of before comes back, once, and the new one is held until its input changes.
conclude() { # conclude CODE [DETAIL]: what `finish` is in the job. An end is a result; nobody listens
    case ${2:-} in
    *[!A-Za-z0-9_./:@,=+-]*) set -- "$1" unprintable ;;
    esac
    [ -z "${watcher:-}" ] || kill "$watcher"
    [ -z "${timer:-}" ] || kill "$timer"
    tags_back
    free_room
    rm -f "$job/env" "$job/env.want" "$job/more.env" "$job/docker-compose.yml"
    last_result
    jot "result.$kind" "$key $sealed $1 ${2:--} $tries"
    for tag in ${stale:-}; do docker_do 20 rmi "kaitu-$tag" >/dev/null; done
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

phase() { # phase NAME: for people, and for the probe; while a pull may go on to the swap it is part of that
    shown=$kind
    [ ! -e "$job/quick" ] || shown=up
    printf '%s %s %s\n' "$shown" "$key" "$1" >"$job/.new.state" && mv -f "$job/.new.state" "$job/state"
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
    meet_docker
    stack=$(described) || refuse_files # lines SERVICE [REFERENCE [PLATFORM]]
    services=$(printf '%s\n' "$stack" | awk -v gate=" $gate " '{ print !index(gate, " " $1 " "), $1 }' |
        sort | cut -d ' ' -f 2) # the gate first: what it lacks is why others are not well
    wanted=$(printf '%s\n' "$stack" | awk 'NF > 1 { print $1, $2 }')
    case " $(echo $services) $gate $named" in
    *' -'*) finish EINVALID ;; # it would be an option of what we call
    esac
    check_pins
}

meet_docker() { # sets `since` and `project`; what a killed pull left of the tags is put right first
    docker_answers
    since=$(daemon)
    self_test
    project=$(project_of "$directory") || finish EDOCKER
    tags_back
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
