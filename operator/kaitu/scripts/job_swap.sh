# shellcheck shell=sh disable=SC2154,SC2034
# The swap of file, .env and tags, and the way back, for the job.
#
# What a restore needs is in the job's directory from before the first byte is changed until the end is
# known: before.env, before.yml, before.images (written last: with it the three are whole), place (DIRECTORY
# GATE-SECONDS GATE...) and joined, the services of what was begun since. The first swap since the last good end writes it; later ones add names.
images_ready() { # nothing may be missing when the swap begins
    if [ "$(head -n 1 "$job/next")" = "$key $sealed" ]; then
        next=$(sed 1d "$job/next")
    elif [ -s "$job/before.images" ] && verified_before; then # back from a release that was left as it is
        next=$(cat "$job/before.images")
    else
        next=$(here)
    fi
    image=$(printf '%s\n' "$next" | awk 'NF { print (NF == 2 ? $2 : "-"), $1 }' | with_ids |
        awk '$3 == "-" { print $2; exit }')
    [ -n "$image" ] || return 0
    docker_answers
    rm -f "$job/result.pull" "$job/next" "$job/moved" "$KAITU_STATE/refreshed"
    finish ENOTPULLED "$image"
}

swap() { # under the lock; a mark before the first byte says that it has begun
    phase swap
    hold
    into "$directory"
    env_recover
    env_copy
    secret_filled "$copy" || finish ENOSECRET
    save_before
    set_aside
    jot place "$directory $gate_seconds $gate" || finish ENOSPC "$job"
    jot joined "$(cat "$job/joined") $(echo $services)" || finish ENOSPC "$job"
    jot pending "$key" || finish ENOSPC "$job"
    rm -f "$KAITU_STATE/held"
    write_env merge_env "$job/env.want"
    write_compose "$job/docker-compose.yml"
    printf '%s\n' "$next" | tag_all || finish EDOCKER
    rm -f "$job/tags"
    jot swaps "$key $sealed $(($(swaps) + 1))" || finish ENOSPC "$job"
    unlock
}

# What fills a disk may be the release itself, and the way back has files to write. So room for them is
# taken before the swap, on each of the two file systems, and given back when the end is written.
set_aside() {
    free_room
    room=$(($(cat "$copy" "$job/docker-compose.yml" ./docker-compose.yml | wc -c) * 2 + 131072))
    take_room "$job"
    [ "$(stat -c %d .)" = "$(stat -c %d "$job")" ] || take_room .
}

take_room() { # take_room DIRECTORY
    complaint=$({ spare=$(mktemp "$1/$SPARE.XXXXXXXX") &&
        dd if=/dev/urandom of="$spare" bs=4096 count=$((room / 4096)) conv=notrunc,fsync; } 2>&1) && return 0
    free_room
    finish "$(why "$complaint")" "$directory"
}
SPARE=.kaitu-spare

free_room() {
    rm -f "$job/$SPARE".* "$directory/$SPARE".*
}

swaps() { # how often this input was put in place since its end was last known
    begun_key='' begun_mac='' begun=0
    [ ! -s "$job/swaps" ] || read -r begun_key begun_mac begun <"$job/swaps"
    [ "$begun_key $begun_mac" = "$key $sealed" ] || begun=0
    echo "$begun"
}

# Docker may well fall silent, or the node reboot, while a release goes in. Where that happens each time,
# it is the release that does it.
worn_out() {
    if verified_before && [ ! -s "$job/moved" ]; then return 1; fi
    [ "$(swaps)" -ge 3 ]
}

save_before() {
    [ ! -s "$job/pending" ] || { save_more && return; }
    drop_before
    look docker-compose.yml
    images=$(running_images) || finish EDOCKER # nothing known is not nothing there
    if [ "$current" = absent ] || [ -z "$images" ]; then return 0; fi
    good=$KAITU_STATE/verified.yml # what somebody made of the live file since is no way back
    [ -s "$good" ] || good=./docker-compose.yml
    before_env "$copy" "$job/env.want" "$job/before.env" || finish EWRITE "$job"
    cat "$good" >"$job/before.yml" || finish ENOSPC "$job"
    flush_file "$job/before.env"
    flush_file "$job/before.yml"
    jot before.images "$images" || finish ENOSPC "$job"
    keep_images before "$images"
}

save_more() { # the names that only this try manages, as they stand
    [ -s "$job/before.images" ] || return 0
    before_env "$copy" "$job/env.want" "$job/more.env" || finish EWRITE "$job"
    added=$(awk 'function name(text) {
            sub(/^!/, "", text); sub(/^[ \t]*(export[ \t]+)?/, "", text); sub(/[ \t]*[=:].*/, "", text)
            return text
        }
        NR == FNR { seen[name($0)] = 1; next }
        !(name($0) in seen)' "$job/before.env" "$job/more.env")
    rm -f "$job/more.env"
    [ -z "$added" ] || printf '%s\n' "$added" >>"$job/before.env" || finish ENOSPC "$job"
}

write_env() { # write_env merge_env|undo_env LINES
    env_copy
    env_draft
    "$1" "$copy" "$2" "$draft" || finish "$code"
    [ "$(digest "$draft")" != "$seen" ] || return 0
    flush_file "$draft"
    replace_env
}

write_compose() { # write_compose FILE
    sum=$(digest "$1") || finish EREAD docker-compose.yml
    look docker-compose.yml
    [ "$current" != "$sum" ] || return 0
    rights=$(stat -c %a ./docker-compose.yml)
    case $rights in
    [46][04]0) ;; # whoever closed it to others knows why
    *) rights=644 ;;
    esac
    begin "$rights"
    complaint=$(cat "$1" 2>&1 >"$draft") || refuse "$complaint"
    flush_file "$draft"
    publish docker-compose.yml "$sum"
}

put_back() {
    hold
    into "$directory"
    env_recover
    write_env undo_env "$job/before.env"
    secret_filled ./.env || finish ENOSECRET
    write_compose "$job/before.yml"
    tag_all <"$job/before.images" || finish EDOCKER
    unlock
}

forget_before() { # the end is known: what was begun is over
    rm -f "$job/pending" "$job/swaps" "$job/moved" "$job/next"
    keep_images next ''
    drop_before
    flushed "$job"
}

drop_before() {
    rm -f "$job/before.env" "$job/before.yml" "$job/before.images" "$job/joined" "$job/place"
}
