# shellcheck shell=sh disable=SC2154
# start_job: what takes longer than a visit, detached. Words: KIND KEY VERSION DIRECTORY FILE-SHA256
# FILE-SIZE ENV-SIZE ATTEMPTS JITTER GATE-SECONDS ON-FAILURE RETRY ASKED-AT ASKED [GATE-SERVICE...]
# -- [SERVICE...] -- [SERVICE=DIGEST...]; data: the compose file, then NAME=RENDERED lines.
# KIND: pull, up, deploy (both, if the pull is quick), repair (of the named services), record, restore (of
# what was before).
# ON-FAILURE: restore or hold. RETRY: what is held and may be tried again, or -. ASKED-AT and ASKED: the
# time of this visit and the request, that a pull answers; they are shown again to the next visit.
#
# The script is started again by itself, from a file, with `job` in place of the nonce. It has the lock
# on job.lock from here; the node's lock it takes for the swap only, and so asks again who owns the node.
[ $# -ge 16 ] || finish EARG start_job
words="$*"
kind=$1 key=$2 version=$3 directory=$4 file_sha=$5 file_size=$6 env_size=$7
attempts=$8 jitter=$9
shift 9
gate_seconds=$1 on_failure=$2 retry=$3 asked_at=$4 asked=$5
shift 5
gate='' named='' pins='' list=gate
for word in "$@"; do
    case $list:$word in
    gate:--) list=named ;;
    named:--) list=pins ;;
    *:--) finish EARG -- ;;
    gate:*) gate="$gate${gate:+ }$word" ;;
    named:*) named="$named${named:+ }$word" ;;
    pins:*) pins="$pins${pins:+ }$word" ;;
    esac
done
[ "$list" = pins ] || finish EARG --
case $kind:$on_failure in
pull:* | up:restore | up:hold | deploy:restore | deploy:hold | repair:* | record:* | restore:*) ;;
*) finish EARG "$kind" ;;
esac
clean "$directory/.env"
for number in "$file_size" "$env_size" "$attempts" "$jitter" "$gate_seconds" "$asked_at"; do
    is_number "$number" || finish EARG "$number"
done
job=$KAITU_STATE/job base=$key

job_pull() {
    prepare
    pull_all
    finish OK
}

job_up() {
    prepare
    go_up
}

# Whoever takes the token decides: the end of a quick pull, that it goes on, or the timer, that this was a pull
# alone and nobody has to wait for it any more.
job_deploy() {
    kind=pull
    { sleep 20 && mv "$job/quick" "$job/late" && phase pull; } 8>&- 9>&- &
    timer=$!
    prepare
    pull_all
    mv "$job/quick" "$job/went" || { keep_images next "$pulled"; finish OK; }
    kill "$timer"
    timer=''
    jot result.pull "$key $sealed OK - 1"
    kind=up
    begun || finish ENOSPC "$job"
    go_up
}

go_up() {
    images_ready
    watch_docker
    ! worn_out || fail EWORN
    swap
    pass_gate
    stop_leavers
    phase up
    if ! up $((gate_seconds + 300)); then
        docker_answers
        # shellcheck disable=SC2086
        assess $services && bad=-
        fail EUP "$bad"
    fi
    phase verify
    # shellcheck disable=SC2086
    settle $services || { docker_answers; fail EVERIFY "$bad"; }
    remove_leavers
    keep_record
    finish OK
}

job_repair() { # only what is gone or stopped, the gate first; whatever else runs is left alone
    prepare
    images_kept
    phase up
    # shellcheck disable=SC2086
    [ -z "$gate" ] ||
        up $((gate_seconds + 120)) --no-recreate --no-deps --wait --wait-timeout "$gate_seconds" $gate ||
        { docker_answers; finish EREPAIR "${gate%% *}"; }
    # shellcheck disable=SC2086
    [ -z "$named" ] || up $((gate_seconds + 120)) --no-recreate --no-deps $named ||
        { docker_answers; finish EREPAIR "${named%% *}"; }
    phase verify
    # shellcheck disable=SC2086
    settle $gate $named || { docker_answers; finish EREPAIR "$bad"; }
    finish OK
}

job_record() { # what runs is what is wanted already: remember it
    prepare
    # shellcheck disable=SC2086
    assess $services || finish EVERIFY "$bad"
    keep_record
    kept refreshed "$asked_at -" # nothing was pulled, so no request is answered
    finish OK
}

job_restore() { # what an ended job has left to do; its files, its place and its gate are kept here
    phase prepare
    then=none
    [ ! -s "$KAITU_STATE/held" ] || read -r held_name held_seal code bad then base <"$KAITU_STATE/held"
    [ "$then" = due ] || finish OK
    held="$held_name $held_seal $code $bad"
    [ -s "$job/before.images" ] || { set_held "$held" failed; finish OK; } # somebody cleared it away
    [ ! -s "$job/place" ] || read -r directory gate_seconds gate <"$job/place"
    meet_docker
    bring_back
    finish OK
}

if [ "$nonce" = job ]; then
    finish() {
        conclude "$@"
    }
    sealed=$(seal <"$job/env.want") || exit 1
    "job_$kind"
    exit
fi

stage() { # stage NAME SIZE [SHA]
    begin
    receive "$2" "${3:-}"
    mv -f -T "$draft" "./$1" || finish EWRITE "$1"
}

take_turn() { # a pull of another release gives way when it is asked; any other job is left to its end
    flock -w 2 -E 75 8 && return 0
    going='' other=''
    [ ! -s "$job/state" ] || read -r going other _ <"$job/state"
    [ "$going" = pull ] && [ "$other" != "$key" ] || return 1
    : >"$job/stop" && flock -w 6 -E 75 8
}

need setsid sort uniq sed sleep docker
hold
command exec 8>>"$KAITU_STATE/job.lock" || finish ELOCK
take_turn || finish EBUSY job
if [ ! -e "$job" ] && [ ! -L "$job" ]; then mkdir "$job" || finish EWRITE "$job"; fi
into "$job"
# Of a job that was killed the values are here still.
rm -f ./state ./stop ./quick ./late ./went ./env ./env.want ./more.env
stage docker-compose.yml "$file_size" "$file_sha"
stage env.want "$env_size"
begin
complaint=$(printf %s "$s" 2>&1 >"$draft") || refuse "$complaint"
mv -f -T "$draft" ./script || finish EWRITE script
flushed .
[ -s "$KAITU_STATE/mac.key" ] || finish ESTATE mac.key
sealed=$(seal <./env.want) || finish ESTATE mac.key
if [ "$kind" = deploy ]; then # a pull, unless it goes on
    kind=pull
    : >./quick || finish EWRITE quick
fi
phase start || finish EWRITE state
begun || finish EWRITE "result.$kind"
# The release that is tried once more is due like any other from here on, also when this job dies at once.
if [ "$kind" = up ] && [ "$retry" != - ] && [ "$(held_key)" = "$retry" ]; then rm -f "$KAITU_STATE/held"; fi
# shellcheck disable=SC2086 # words have no blanks
setsid timeout -k 10 $((5400 + jitter + gate_seconds * 5)) sh "$job/script" job \
    "$installation" "$object" "$counter" "$process" $words </dev/null >/dev/null 2>&1 9>&- &
finish STARTED
