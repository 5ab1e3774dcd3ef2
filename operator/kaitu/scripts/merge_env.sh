# shellcheck shell=sh disable=SC2154,SC2034
# merge_env: set the managed lines of DIRECTORY/.env. Words: DIRECTORY SIZE [PROTECTED,...]
#
# Data: SIZE bytes of NAME=RENDERED lines. No digest of them is a word, as a guess could be tried on it.
[ $# -ge 2 ] || finish EARG merge_env
directory=$1 size=$2 protected=${3:-}
clean "$directory/.env"
is_number "$size" || finish EARG size
hold

into "$directory"
env_recover
begin
receive "$size"
directives=$draft
env_copy
env_draft
merge_env "$copy" "$directives" "$draft" || finish "$code"
[ "$(digest "$draft")" != "$seen" ] || finish SAME "$note"
flush_file "$draft"
replace_env
finish OK "$note"
