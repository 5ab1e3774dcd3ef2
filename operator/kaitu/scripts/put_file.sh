# shellcheck shell=sh disable=SC2154
# put_file: write a file that is wholly ours. Words: PATH MODE SHA SIZE EXPECTED [mkdir]; data: the content
#
# EXPECTED is the digest that the caller saw, or absent, or any. In /etc only marked files are ours.
[ $# -ge 5 ] || finish EARG put_file
path=$1 mode=${2#0} wanted=$3 size=$4 expected=$5 mkdir=${6:-}
clean "$path"
name=${path##*/}
[ "$name" != .env ] || finish EARG "$path" # it has other writers: merge_env
case $mode in
[0-7][0-7][0-7]) ;;
*) finish EARG mode ;;
esac
is_number "$size" || finish EARG size
hold

into "${path%/*}" "$mkdir"
look "$name"
if [ "$current" = "$wanted" ] && [ "$(stat -c '%a %u:%g' "./$name")" = "$mode 0:0" ]; then
    finish SAME
fi
case $expected in
any | "$current") ;;
*) [ "$current" = "$wanted" ] || finish ECONFLICT "$path" ;;
esac
begin "$mode"
receive "$size" "$wanted"
case $path in
/etc/*)
    ours "$draft" || finish EFOREIGN "$path"
    [ "$current" = absent ] || ours "./$name" || finish EFOREIGN "$path"
    ;;
esac
publish "$name" "$wanted"
finish OK
