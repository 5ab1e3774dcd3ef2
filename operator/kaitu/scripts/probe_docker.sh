# shellcheck shell=sh
# Fragment docker: the daemon, and every container in one look. Data: the deployment directory. Needs
# docker.sh.
#
# First line: engine missing|down|hung|ok VERSION COMPOSE, `-` for what is not known; then, if ok, one
# JSON object per container, at most 200, those of the deployment before all others. Nothing of a container's environment is ever asked for.
probe_docker() {
    IFS= read -r directory || return 1
    if ! command -v docker >/dev/null; then
        printf 'engine\tmissing\t-\t-\n'
        return
    fi
    version=$(docker_do 10 version --format '{{.Server.Version}}' 2>&1)
    case $?:$version in
    0:[0-9]*.[0-9]*) ;;
    0:*) return 1 ;; # something that calls itself docker
    124:* | 137:*) docker_silent hung && return ;;
    *'Cannot connect'* | *'connection refused'* | *'no such file'*) docker_silent down && return ;;
    *) docker_silent "$(docker_unit)" && return ;;
    esac
    plugin=$(docker_do 10 compose version --short 2>/dev/null) || plugin=-
    containers=$(docker_containers) || containers=$(docker_containers) || {
        # Either the daemon went silent just now, or what we ask is wrong: that must not look alike.
        docker_do 10 version --format '{{.Server.Version}}' >/dev/null && return 1
        docker_silent hung
        return
    }
    printf 'engine\tok\t%s\t%s\n' "$(docker_word "$version")" "$(docker_word "${plugin#v}")"
    [ -z "$containers" ] || printf '%s\n' "$containers"
}

docker_silent() { # docker_silent STATE: of the plugin nothing is asked, as it answers without a daemon
    printf 'engine\t%s\t-\t-\n' "$1"
}

docker_unit() { # a daemon that answers with something else is down if its unit says so
    case $(timeout -k 2 5 systemctl is-active docker.service) in
    inactive | failed | deactivating) echo down ;;
    *) echo hung ;;
    esac
}

docker_word() {
    printf %s "${1:--}" | tr -cd 'A-Za-z0-9.+~_-' | cut -c1-64
}

docker_ours() { # the containers of the deployment: made from its directory, or for a project of its name
    for label in ".working_dir=$directory" "=${directory##*/}"; do
        docker_do 10 ps -aq --no-trunc --filter "label=com.docker.compose.project$label" || return 1
    done
}

# A container that goes away in between is no error: whoever is still there afterwards must have been
# told of. Fails while the daemon starts or stops.
docker_containers() {
    ids=$(docker_do 10 ps -aq --no-trunc) || return 1
    [ "$(printf '%s\n' "$ids" | wc -l)" -le 200 ] || ids=$(docker_ours && printf '%s\n' "$ids") || return 1
    # shellcheck disable=SC2046 # ids are words
    set -- $(printf '%s\n' "$ids" | awk '!known[$0]++' | head -n 200)
    [ $# -gt 0 ] || return 0
    if told=$(docker_do 10 inspect --type container --format "$docker_format" "$@"); then
        printf '%s\n' "$told"
        return
    fi
    still=$(docker_do 10 ps -aq --no-trunc) || return 1
    for id in "$@"; do
        case $still in
        *"$id"*) ;;
        *) continue ;;
        esac
        case $told in
        *"$id"*) ;;
        *) return 1 ;;
        esac
    done
    printf '%s\n' "$told"
}

# shellcheck disable=SC2016 # a template of Docker's
docker_format='{"id":{{json .ID}},"name":{{json .Name}},"image":{{json .Config.Image}},"imageID":{{json .Image}},"state":{{json .State.Status}},"health":{{if .State.Health}}{{json .State.Health.Status}}{{else}}""{{end}},"restarts":{{json .RestartCount}},"startedAt":{{json .State.StartedAt}},"finishedAt":{{json .State.FinishedAt}},"exitCode":{{json .State.ExitCode}},"oom":{{json .State.OOMKilled}},"project":{{json (index .Config.Labels "com.docker.compose.project")}},"service":{{if eq (index .Config.Labels "com.docker.compose.oneoff") "True"}}""{{else}}{{json (index .Config.Labels "com.docker.compose.service")}}{{end}},"dir":{{json (index .Config.Labels "com.docker.compose.project.working_dir")}},"hash":{{json (index .Config.Labels "com.docker.compose.config-hash")}}}'
