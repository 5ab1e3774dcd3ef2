# shellcheck shell=sh
# Last part of the probe. Words: NAME:SIZE... of the wanted fragments; their data follow on stdin.
#
# Each fragment is a function probe_NAME of another part; its output and exit code are the answer.
answers=
for word in "$@"; do
    name=${word%%:*} size=${word#*:}
    case $name in
    host | docker | sysctl | cron | env | compose) ;;
    *) finish EARG "$name" ;;
    esac
    is_number "$size" || finish EARG "$name"
    data=$(take "$size" && printf .) && data=${data%.}
    [ ${#data} -eq "$size" ] || finish ESHORT "$name"
    out=$(printf %s "$data" | "probe_$name"; printf ' %s' $?)
    rc=${out##* } out=$(printf %s "${out% *}" | base64 -w0)
    answers="$answers,\"$name\":{\"rc\":$rc,\"out\":\"$out\"}"
done
frame "{\"fragments\":{${answers#,}}}"
