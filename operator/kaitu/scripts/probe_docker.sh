# shellcheck shell=sh
# Fragment docker: the daemon, and every container in one look. Data: the deployment directory, then
# what was said last: MARK VERSION COMPOSE, where MARK ends with `listed` if the daemon's directory lists
# the containers. Needs docker.sh.
#
# First line: engine missing|down|hung|ok VERSION COMPOSE [MARK], `-` for what is not known; then, if ok, one
# JSON object per container, at most 200, those of the deployment before all others. Nothing of a container's environment is ever asked for.
probe_docker() {
    IFS= read -r directory || return 1
    read -r known version plugin || known=''
    if ! command -v docker >/dev/null; then
        docker_silent missing
        return
    fi
    mark=$(docker_mark) || mark=''
    if [ -n "$mark" ] && [ "${known%,listed}" = "$mark" ] && containers=$(docker_containers "$known"); then
        mark=$known
        docker_told
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
    version=$(docker_word "$version") plugin=$(docker_word "${plugin#v}")
    [ -z "$mark" ] || ! docker_proven || mark=$mark,listed
    docker_told
}

docker_told() {
    printf 'engine\tok\t%s\t%s' "$version" "$plugin"
    printf "${mark:+\\t%s}\\n" "$mark"
    [ -z "$containers" ] || printf '%s\n' "$containers"
}

docker_silent() { # docker_silent STATE: of the plugin nothing is asked, as it answers without a daemon
    printf 'engine\t%s\t-\t-\n' "$1"
}

# What would be another one if command, plugin or daemon were: to ask them for their versions costs more than
# the rest of a probe. Fails where that cannot be told.
docker_mark() {
    root=${KAITU_ROOT:-} pid=''
    started=$root/run/docker.pid # each daemon writes it
    [ ! -s "$started" ] || read -r pid <"$started" || :
    is_number "$pid" || return 1
    config=$root/root/.docker/config.json
    [ ! -e "$config" ] || case $(head -c 65536 "$config") in
    *cliPluginsExtraDirs*) return 1 ;; # the plugin may lie anywhere
    esac
    set -- "$started" "$(command -v docker)" "$config"
    for place in root/.docker usr/local/lib/docker usr/local/libexec/docker usr/lib/docker usr/libexec/docker; do
        set -- "$@" "$root/$place/cli-plugins/docker-compose"
    done
    # shellcheck disable=SC2046 # one word for each that is there
    printf %s "$pid" && printf ,%s $(stat -L -c '%d.%i.%s.%Z' "$@")
}

docker_listed() { # the ids of all containers, where this is the directory of the daemon that answers
    for place in "${KAITU_ROOT:-}"/var/lib/docker/containers/*/; do
        place=${place%/}
        echo "${place##*/}"
    done
}

# Whether that it is: the names in it are those that the daemon has just told of. For this run of the daemon it
# stays so. Of none nothing is proven.
docker_proven() {
    told=$(printf '%s\n' "$containers" | awk -F '"' '{ print $4 }' | sort)
    [ -n "$told" ] && [ "$told" = "$(docker_listed)" ]
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
docker_containers() { # docker_containers [MARK]
    case ${1:-} in
    *,listed) ids=$(docker_listed) ;;
    *) ids='*' ;;
    esac
    [ "$ids" != '*' ] || ids=$(docker_do 10 ps -aq --no-trunc) || return 1
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
