# shellcheck shell=sh disable=SC2154
# remove_file: remove a file that is wholly ours. Words: PATH EXPECTED (the digest that the caller saw)
[ $# -eq 2 ] || finish EARG remove_file
path=$1 expected=$2
clean "$path"
name=${path##*/}
[ "$name" != .env ] || finish EARG "$path"
hold

into "${path%/*}"
look "$name"
[ "$current" != absent ] || finish SAME
[ "$current" = "$expected" ] || finish ECONFLICT "$path"
case $path in
/etc/*) ours "./$name" || finish EFOREIGN "$path" ;;
esac
complaint=$(rm -f "./$name" 2>&1) || refuse "$complaint"
flushed .
finish OK
