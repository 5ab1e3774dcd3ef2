# shellcheck shell=sh disable=SC2154,SC2034
# foresee: what compose would find if a release were put in place now. Words: DIRECTORY KEY FILE-SIZE
# ENV-SIZE [SERVICE=DIGEST...]; data: the compose file, then the managed lines of .env; these may be
# secret. KEY is that of the release where it was pulled, and else a dash.
#
# It runs in a mount namespace of its own. There it lays a file system in memory over /dev/shm, and
# from that the .env as it would be over the live one: nobody else sees them, and they go with us.
#
# Lines: service NAME SCALE; image NAME ID (- where it is not on the node); hash NAME HASH (of its
#        container as compose would make it); opaque NAME (that hash says nothing); needs NAME OTHER;
#        restart NAME OTHER (when OTHER was made anew); shares NAME OTHER (a part of its container);
#        container SERVICE HASH IMAGE-ID STATE, for each of the project.
# Or, alone: refused CODE.
[ $# -ge 4 ] || finish EARG foresee
directory=$1 key=$2 file_size=$3 env_size=$4
shift 4
pins=$*
is_number "$file_size" || finish EARG "$file_size"
is_number "$env_size" || finish EARG "$env_size"
memory=/dev/shm

told() { # told TEXT: the answer
    frame "{\"fragments\":{\"foresee\":{\"rc\":0,\"out\":\"$(printf '%s\n' "$1" | base64 -w0)\"}}}"
    exit 0
}

refused() { # refused CODE
    told "refused	$1"
}

why() { # of what the merge complains when it is nothing that it knows
    echo EMERGE
}

apart() { # our mounts are not those of `timeout`, which started us
    theirs=$(readlink "/proc/$PPID/ns/mnt") && [ -n "$theirs" ] || return 1
    own=$(readlink /proc/self/ns/mnt) && [ -n "$own" ] && [ "$own" != "$theirs" ]
}

as_it_would_be() { # both files, in memory; never where somebody else would see them
    apart || finish ESELFTEST unshare
    mount -t tmpfs -o mode=700,size=8m kaitu "$memory" || refused EMOUNT
    take "$file_size" >"$memory/docker-compose.yml" && take "$env_size" >"$memory/want" || refused EMOUNT
    [ "$(stat -c %s "$memory/want")" -eq "$env_size" ] || finish ESHORT foresee
    [ -f "$directory/.env" ] && [ ! -L "$directory/.env" ] || refused ENOENV
    merge_env "$directory/.env" "$memory/want" "$memory/env" || refused "$code"
    mount -o bind "$memory/env" "$directory/.env" || refused EMOUNT
}

# The release as compose understands it, with every value put in: it stays in this variable and in
# pipes. Only so do the values of an env_file count in a hash, as they do when the release goes up.
whole_release() {
    project=$(project_of "$directory") || refused EDOCKER
    model=$(compose_do 20 "$memory/docker-compose.yml" "$directory/.env" config) && return 0
    nothing_with /dev/null && ! nothing_with "$directory/.env" && refused EENV
    refused EINVALID
}

nothing_with() { # nothing_with ENV: compose reads it, with a file that says nothing
    echo 'services: {}' | compose_do 20 - "$1" config -q
}

containers() { # ID SERVICE HASH IMAGE-ID STATE, by name; those of `compose run` are not the release's
    docker_do 10 ps -a --no-trunc --filter "label=com.docker.compose.project=$project" \
        --format "$foresee_format" | sort | awk -F '\t' '$7 != "True" {
            for (i = 2; i <= 6; i++) printf "%s%s", $i == "" ? "-" : $i, i < 6 ? "\t" : "\n"
        }'
}
foresee_format='{{.Names}}	{{.ID}}	{{.Label "com.docker.compose.service"}}	{{.Label "com.docker.compose.config-hash"}}	{{.Label "com.docker.compose.image"}}	{{.State}}	{{.Label "com.docker.compose.oneoff"}}'

# Reads what `config` printed: two blanks are a level. Sets `name` of the service, `part` of it, and in
# `word` the value or the key of this line.
# shellcheck disable=SC2016 # awk's own dollars
MODEL='
function plain(text) {
    gsub(/^["\047]|["\047]?:?$/, "", text)
    return text
}
/^[^ ]/ { top = $1; name = part = "" }
top == "services:" && /^  [^ ]/ { name = plain($1); part = "" }
name != "" && /^    [^ ]/ { part = $1; word = plain($2) }
name != "" && /^      [^ ]/ { word = plain($1 == "-" ? $2 : $1) }
name != "" && /^    (network_mode|ipc|pid): service:/ { shared = substr(word, 9) }
'

# What is shared with another service is, in a hash as in a container, the id of the other container.
# shellcheck disable=SC2016
SHARED=$MODEL'
BEGIN {
    count = split(IDS, ids, " ")
    for (i = 1; i < count; i += 2) if (!(ids[i] in id)) id[ids[i]] = ids[i + 1]
}
shared in id { print "    " part " container:" id[shared]; shared = ""; next }
{ print; shared = "" }'

# shellcheck disable=SC2016
FACTS=$MODEL'
BEGIN { OFS = "\t" }
name != "" && !(name in scale) { scale[name] = 1; image[name] = PROJECT "-" name }
/^    image: / && part == "image:" { image[name] = word }
/^    scale: / && part == "scale:" { scale[name] = word }
/^      replicas: / && part == "deploy:" { scale[name] = plain($2) }
shared != "" { print "shares", name, shared; shared = "" }
/^      - / && part == "volumes_from:" && word !~ /^container:/ {
    sub(/:.*/, "", word)
    print "shares", name, word
    print "opaque", name
}
/^      [^ ]/ && part == "depends_on:" { print "needs", name, word }
/^        restart: true/ && part == "depends_on:" { print "restart", name, word }
END { for (name in scale) print "service", name, scale[name] "\nuses", name, image[name] }'

images() { # images FACTS: the id of what each service will have: what was pulled, else what is here
    pulled=$KAITU_STATE/job/next
    [ "$(head -n 1 "$pulled" | cut -d ' ' -f 1)" = "$key" ] || pulled=/dev/null
    printf '%s\n' "$1" | awk '$1 == "uses" { print $2, $3 }' | while read -r service reference; do
        id=$(awk -v it="$reference" 'NR > 1 && $1 == it { print $2; exit }' "$pulled")
        [ -n "$id" ] || id=$(pinned "$service" "$reference" || echo "$reference")
        id=$(id_of "$id") || id=- # of an image that it lacks Docker prints an empty line
        printf 'image\t%s\t%s\n' "$service" "$id"
    done
}

need mount readlink sort docker
as_it_would_be
whole_release
there=$(containers) || refused EDOCKER
facts=$(printf '%s\n' "$model" | awk -v PROJECT="$project" "$FACTS")
ids=$(printf '%s\n' "$there" | awk 'BEGIN { ORS = " " } { print $2, $1 }')
hashes=$(printf '%s\n' "$model" | awk -v IDS="$ids" "$SHARED" |
    compose_do 20 - /dev/null config --hash '*') || refused EINVALID
told "$(
    printf '%s\n' "$facts" | awk '$1 != "uses"'
    printf '%s\n' "$hashes" | awk 'NF == 2 { print "hash\t" $1 "\t" $2 }'
    images "$facts"
    printf '%s\n' "$there" | awk -F '\t' 'NF == 5 { print "container\t" $2 "\t" $3 "\t" $4 "\t" $5 }'
)"
