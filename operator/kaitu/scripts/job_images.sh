# shellcheck shell=sh disable=SC2154,SC2034
# Images by content, for the job. A tag is only moved when the stack moves to what it names: between
# the pull and the swap it stays with what runs, so that a container that comes back comes back old.
#
# In the job's directory: next (KEY SEAL, then REFERENCE ID: what was pulled for it), tags (REFERENCE ID:
# where tags belong while a pull goes on), moved (KEY NAME: the release that runs has newer images).
# What a restore or the next swap needs has a tag of ours, so that nobody's prune takes it.
described() { # lines SERVICE [REFERENCE [PLATFORM]] of the staged files; the rest stays in the pipe
    { staged 60 config || echo refused; } | awk '
        function told() {
            if (service != "") print service image (image == "" ? "" : platform)
            service = image = platform = ""
        }
        /^[^ ]/ { told(); inside = ($0 == "services:"); refused = ($0 == "refused") }
        inside && /^  [^ ].*:$/ { told(); service = $1; gsub(/["\047:]/, "", service) }
        inside && /^    image: / { gsub(/["\047]/, "", $2); image = " " $2 }
        inside && /^    platform: / { gsub(/["\047]/, "", $2); platform = " " $2 }
        END { told(); exit refused }'
}

project_containers() { # the ids of all but those of a person's `run`
    docker_do 10 ps -aq --filter "label=com.docker.compose.project=$project" \
        --filter label=com.docker.compose.oneoff=False
}

running_images() { # lines REFERENCE ID of the project's containers
    ids=$(project_containers) || return 1
    [ -n "$ids" ] || return 0
    # shellcheck disable=SC2086 # ids are words
    told=$(docker_do 10 inspect --type container --format '{{.Config.Image}} {{.Image}}' $ids) || return 1
    printf '%s\n' "$told" | sort -u
}

with_ids() { # lines that start with REFERENCE on stdin: the same, and the id of what it means here behind
    lines=$(cat)
    # shellcheck disable=SC2046 # references are words
    ids=$(ids_of $(printf '%s\n' "$lines" | cut -d ' ' -f 1))
    printf '%s\n' "$lines" | awk -v ids="$(echo $ids)" 'BEGIN { split(ids, id, " ") } NF { print $0, id[NR] }'
}

# tag_all: the lines REFERENCE ID on stdin. A reference by content cannot be moved, and of what is gone
# nothing can be said any more.
tag_all() {
    awk 'NF == 2 && $1 !~ /@|^sha256:/' | with_ids | while read -r reference id tagged; do
        if [ "$tagged" = "$id" ] || docker_do 10 tag "$id" "$reference"; then continue; fi
        docker_do 10 version >/dev/null || return 1
    done
}

tags_back() { # what a pull has moved, back to what runs
    [ ! -s "$job/tags" ] || { tag_all <"$job/tags" && rm -f "$job/tags"; }
}

note_tags() { # before the pull: each reference with what runs of it, or else with what is here
    running=$(echo $(running_images))
    noted=$(printf '%s\n' "$wanted" | cut -d ' ' -f 2 | sort -u | with_ids | awk -v running="$running" '
        BEGIN { n = split(running, word, " "); for (i = 1; i < n; i += 2) if (!(word[i] in id)) id[word[i]] = word[i + 1] }
        $1 in id { $2 = id[$1] }
        NF == 2 && $2 != "-"')
    rm -f "$job/next" "$job/moved" "$job/tags"
    [ -z "$noted" ] || jot tags "$noted" || finish ENOSPC "$job"
}

note_next() { # after the pull: what was pulled, by content
    pulled=$(here)
    image=$(printf '%s\n' "$pulled" | awk 'NF == 1 { print; exit }')
    [ -z "$image" ] || { docker_answers; finish EPULL "$image"; }
    jot next "$key $sealed
$pulled" || finish ENOSPC "$job"
    [ -e "$job/quick" ] || keep_images next "$pulled" # what is swapped at once need not be kept
    note_moved
}

here() { # lines REFERENCE ID of what the staged files ask for, as far as it is on the node
    printf '%s\n' "$wanted" | while read -r service reference; do
        [ -z "$reference" ] || echo "$(pinned "$service" "$reference" || echo "$reference") $reference"
    done | with_ids | awk '{ print $2 ($3 == "-" ? "" : " " $3) }' | sort -u
}

images_kept() { # of what a repair starts: somebody's prune takes the image of what is gone
    missing=$(wanted=$(printf '%s\n' "$wanted" | awk -v names=" $gate $named " 'index(names, " " $1 " ")')
        here | awk 'NF == 1 { print; exit }')
    [ -z "$missing" ] || { docker_answers; finish ENOTPULLED "$missing"; }
}

# When the release that runs has newer images, that is a change with a name of its own: if it fails, it is
# this that is held, not the release.
note_moved() {
    verified_before || return 0
    [ "$retry" = - ] || [ "$(held_key)" != "$retry" ] || rm -f "$KAITU_STATE/held" # what is pulled now decides
    new=$(printf '%s\n' "$pulled" | awk -v tags="$job/tags" '
        BEGIN { while ((getline line <tags) > 0) known[line] = 1 }
        !($0 in known) && NF == 2')
    name=$(printf '%s\n' "$pulled" | sha256sum | cut -c1-16)
    if [ -z "$new" ] || [ "$name" = "$(held_key)" ]; then
        rm -f "$job/next"
        return 0
    fi
    jot moved "$key $name" || finish ENOSPC "$job"
    rm -f "$job/result.up" "$job/swaps" # how an earlier change ended says nothing of this one
}

held_key() {
    [ ! -s "$KAITU_STATE/held" ] || cut -d ' ' -f 1 "$KAITU_STATE/held"
}

# A pin takes the tag of its service along. So it cannot be had where the file names the image by content,
# or where another service that is not pinned alike follows the same tag.
check_pins() {
    for pin in $pins; do
        service=${pin%%=*}
        reference=$(printf '%s\n' "$wanted" | awk -v it="$service" '$1 == it { print $2; exit }')
        case $reference in
        '' | *@*) finish EPIN "$service" ;;
        esac
        for other in $(printf '%s\n' "$wanted" | awk -v it="$reference" '$2 == it { print $1 }'); do
            case " $pins " in
            *" $other=${pin#*=} "*) ;;
            *) finish EPIN "$service" ;;
            esac
        done
    done
}

keep_images() { # keep_images next|before LINES: a tag of ours for each; what was kept earlier goes with the job's end
    earlier=$(docker_do 10 images --format '{{.Tag}}' "kaitu-$1")
    kept_ids=$(printf '%s\n' "$2" | awk 'NF == 2 { print substr($2, 8, 12) }' | sort -u)
    for id in $kept_ids; do
        case " $(echo $earlier) " in
        *" $id "*) ;;
        *) docker_do 10 tag "$id" "kaitu-$1:$id" ;;
        esac
    done
    for tag in $earlier; do
        case " $(echo $kept_ids) " in
        *" $tag "*) ;;
        *) stale="${stale:-} $1:$tag" ;;
        esac
    done
}
