# shellcheck shell=sh disable=SC2154
# start_job: what takes longer than a visit, detached. Words: KIND KEY VERSION DIRECTORY FILE-SHA256
# FILE-SIZE ENV-SIZE ATTEMPTS JITTER GATE-SECONDS [GATE-SERVICE...] -- [SERVICE...]; data: the compose
# file, then NAME=RENDERED lines. KIND: pull, up, repair (of the named services), record.
#
# The script is started again by itself, from a file, with `job` in place of the nonce. It has the lock
# on job.lock from here; the node's lock it takes for the swap only, and so asks again who owns the node.
[ $# -ge 11 ] || finish EARG start_job
words="$*"
kind=$1 key=$2 version=$3 directory=$4 file_sha=$5 file_size=$6 env_size=$7
attempts=$8 jitter=$9
shift 9
gate_seconds=$1 gate='' named=''
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    gate="$gate${gate:+ }$1"
    shift
done
[ $# -gt 0 ] || finish EARG --
shift
named=$*
case $kind in
pull | up | repair | record) ;;
*) finish EARG "$kind" ;;
esac
clean "$directory/.env"
for number in "$file_size" "$env_size" "$attempts" "$jitter" "$gate_seconds"; do
    is_number "$number" || finish EARG "$number"
done
job=$KAITU_STATE/job

job_pull() {
    prepare
    pull_all
    finish OK
}

job_up() {
    prepare
    images_present
    watch_docker
    swap
    pass_gate
    stop_leavers
    phase up
    if ! up $((gate_seconds + 300)); then
        docker_answers
        # shellcheck disable=SC2086
        assess $services && bad=-
        keep_held EUP "$bad"
    fi
    phase verify
    # shellcheck disable=SC2086
    settle $services || { docker_answers; keep_held EVERIFY "$bad"; }
    remove_leavers
    keep_record
    finish OK
}

job_repair() { # only what is gone or stopped, the gate first; whatever else runs is left alone
    prepare
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
rm -f ./state ./stop
stage docker-compose.yml "$file_size" "$file_sha"
stage env.want "$env_size"
begin
complaint=$(printf %s "$s" 2>&1 >"$draft") || refuse "$complaint"
mv -f -T "$draft" ./script || finish EWRITE script
flushed .
[ -s "$KAITU_STATE/mac.key" ] || finish ESTATE mac.key
sealed=$(seal <./env.want) || finish ESTATE mac.key
begun || finish EWRITE "result.$kind"
printf '%s %s start\n' "$kind" "$key" >./state
# shellcheck disable=SC2086 # words have no blanks
setsid timeout -k 10 $((4200 + jitter + gate_seconds * 3)) sh "$job/script" job \
    "$installation" "$object" "$counter" "$process" $words </dev/null >/dev/null 2>&1 9>&- &
finish STARTED
