# shellcheck shell=sh disable=SC2154,SC2034
# From the swap to a known end, for the job: gate, up, verification; then the record, or the way back.
up() { # up SECONDS WORD...
    seconds=$1
    shift
    complaint=$(live "$seconds" up -d --pull never --no-build --remove-orphans=false "$@" 2>&1)
}

# The gate services alone; while they are not well nothing else is touched. When the time is up, compose may
# end well all the same (docker/compose#14105).
pass_gate() {
    [ -n "$gate" ] || return 0
    phase gate
    shut=$(($(now) + gate_seconds + 3)) # a busy Docker may miss a look
    # shellcheck disable=SC2086 # names are words
    if up $((gate_seconds + 120)) --no-deps --wait --wait-timeout "$gate_seconds" $gate; then
        # shellcheck disable=SC2086
        until assess $gate; do
            [ "$(now)" -lt "$shut" ] || break
            sleep 1
        done
        [ -n "$bad" ] || return 0
    fi
    docker_answers
    # shellcheck disable=SC2086
    assess $gate && bad=${gate%% *}
    fail EGATE "$bad"
}

stop_leavers() { # what the file lacks of our last record and of what was begun since: removed at the end
    leavers=$(containers_beyond "$(awk 'NR > 1 { print $1 }' "$KAITU_STATE/record"; cat "$job/joined")")
    # shellcheck disable=SC2086
    [ -z "$leavers" ] || docker_do 120 stop $leavers >/dev/null
}

remove_leavers() {
    # shellcheck disable=SC2086
    [ -z "$leavers" ] || docker_do 60 rm $leavers >/dev/null
}

containers_beyond() { # containers_beyond NAMES: of those services that are not among `services`
    for service in $1; do
        case " $(echo $services) " in
        *" $service "*) ;;
        *) containers_of "$service" ;;
        esac
    done
}

containers_of() { # containers_of SERVICE: ids, on one line
    echo $(docker_do 10 ps -aq --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False)
}

# A line per container: SERVICE STATE HEALTH EXIT POLICY RESTARTS IMAGE-ID ID-OF-ITS-TAG; a service
# without one says absent.
survey() { # survey SERVICE...
    ids=$(project_containers)
    # shellcheck disable=SC2086 # ids are words
    { [ -z "$ids" ] || docker_do 10 inspect --type container --format "$survey_format" $ids; } | with_ids |
        awk -v names="$*" '
            NF == 9 { told[$2] = told[$2] $2 " " $3 " " $4 " " $5 " " $6 " " $7 " " $8 " " $9 "\n" }
            END {
                count = split(names, name, " ")
                for (i = 1; i <= count; i++)
                    printf "%s", (name[i] in told) ? told[name[i]] : name[i] " absent - - - 0 - -\n"
            }'
}
survey_format='{{.Config.Image}} {{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{or .HostConfig.RestartPolicy.Name "no"}} {{.RestartCount}} {{.Image}}'

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

# fail CODE SERVICE: what was begun did not work. The release of before comes back, and this one is not
# tried again on this node until something of it changes. The held line is written first: whatever ends
# this job from here on, the next visit knows what is due.
fail() {
    if verified_before && [ ! -s "$job/moved" ]; then finish EREPAIR "${2:--}"; fi # still pending: tried again
    docker_stayed
    then=due
    [ "$on_failure" = restore ] || then=kept
    [ -s "$job/before.images" ] || then=none
    name=$key
    [ ! -s "$job/moved" ] || name=$(cut -d ' ' -f 2 "$job/moved")
    set_held "$name $sealed $1 ${2:--}" "$then"
    log_update "$1" "${2:--}"
    [ "$then" != due ] || bring_back
    rm -f "$job/result.pull" "$job/next" # a retry pulls again: the image may have been mended
    finish "$1" "${2:--}"
}

set_held() { # set_held WORDS due|restored|failed|kept|none
    free_room
    held=$1
    kept held "$held $2 $base"
    rm -f "$job/swaps"
}

bring_back() { # file, managed lines and images of before, together
    phase restore
    rm -f "$job/silent"
    joined=$(cat "$job/joined")
    put_back
    then=failed
    if services=$(live 60 config --services) && [ -n "$services" ]; then
        leavers=$(containers_beyond "$joined")
        # shellcheck disable=SC2086
        [ -z "$leavers" ] || docker_do 120 stop $leavers >/dev/null
        if old_release; then then=restored && remove_leavers; fi
    fi
    docker_stayed
    set_held "$held" "$then"
    [ ! -s "$job/next" ] || keep_images next "$(sed 1d "$job/next")" # else they would lie about without a name
    rm -f "$job/result.pull" "$job/next" "$job/moved"
    [ "$then" = failed ] || forget_before # else what runs is no release: whatever is wanted next is put in place
}

old_release() { # up with it, by the same gate
    doors=''
    for service in $gate; do
        case " $(echo $services) " in
        *" $service "*) doors="$doors $service" ;;
        esac
    done
    # shellcheck disable=SC2086
    [ -z "$doors" ] || up $((gate_seconds + 120)) --no-deps --wait --wait-timeout "$gate_seconds" $doors ||
        return 1
    up $((gate_seconds + 300)) || return 1
    # shellcheck disable=SC2086
    settle $services
}

keep_record() {
    free_room
    cat "$job/docker-compose.yml" >"$KAITU_STATE/.new.verified" &&
        mv -f "$KAITU_STATE/.new.verified" "$KAITU_STATE/verified.yml" || finish ENOSPC "$KAITU_STATE"
    kept record "$key $version $file_sha $sealed
$(printf '%s\n' "$sight" | awk '{ print $1, $7 }')"
    log_update OK -
    rm -f "$KAITU_STATE/held"
    forget_before
}

log_update() { # log_update CODE SERVICE: the last ten ends of what was begun, the newest last
    kept updates "$({ tail -n 9 "$KAITU_STATE/updates"; echo "$(now) $version $1 $2"; })"
}
