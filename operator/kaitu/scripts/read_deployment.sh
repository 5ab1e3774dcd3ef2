# shellcheck shell=sh disable=SC2154
# Reads what lives on a node, for a person who wants to describe it. Needs probe_env.sh.
# Words: DIRECTORY SIZE; then SIZE bytes of lines NAME FORM: a variable, and the extended regular
# expression that its whole value matches.
#
# No secret leaves: a value of .env is told only where it was asked for by name and has its form, a
# port or a switch. Of the other variables the names are told, K2_NODE_SECRET left out.
# Lines: file CONTENT, or file absent|unsafe|long|secret; value NAME VALUE; name NAME; cron NAME CONTENT (of a
# file in /etc/cron.d that is ours). NAME of cron and CONTENT are base64.
read_deployment() {
    root=${KAITU_ROOT:-}
    place=$root$directory
    [ ! -d "$place" ] || [ "$(cd -P "$place" && pwd -P)" = "$place" ] || place=/dev/null
    printf 'file\t%s\n' "$(read_compose "$place/docker-compose.yml")"
    read_variables "$place/.env"
    for file in "$root"/etc/cron.d/kaitu-*; do
        read_cron "$file"
    done
}

# A line that gives the node's secret a value of its own; a reference to a variable is none.
SETS_SECRET="(^|[^A-Za-z0-9_{\$])K2_NODE_SECRET[\"']?[[:blank:]]*[:=][[:blank:]]*[\"']?[^\"'[:blank:]\$]"

read_compose() { # read_compose FILE
    if [ "$place" = /dev/null ] || [ -L "$1" ]; then
        echo unsafe
    elif [ ! -e "$1" ]; then
        echo absent
    elif [ ! -f "$1" ]; then
        echo unsafe
    elif [ "$(stat -c %s "$1")" -gt 262144 ]; then
        echo long
    elif grep -Eiq "$SETS_SECRET" "$1"; then
        echo secret
    else
        base64 -w0 "$1"
    fi
}

read_variables() { # read_variables FILE: as compose reads it; a name of another shape may be part of a key
    [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %s "$1")" -le 1048576 ] || return 0
    {
        printf '%s\n' "$asked" | awk 'NF == 2 { print $1 "=" }'
        echo
        tr '\000' '\001' <"$1"
    } | awk "$env_reader"'
        END {
            for (key in seen) {
                if (key !~ /^[A-Z][A-Z0-9_]*$/ || length(key) > 64 || key == "K2_NODE_SECRET") continue
                if (++told > 200) exit
                known = key in wanted && quote == "" && !unclosed && !(key in crowded)
                print key "\t" (known && seen[key] == 1 && plain[key] ? value[key] : "")
            }
        }' | while IFS='	' read -r name value; do
        if [ -n "$value" ] && read_formed "$name" "$value"; then
            printf 'value\t%s\t%s\n' "$name" "$value"
        else
            printf 'name\t%s\n' "$name"
        fi
    done
}

read_formed() { # read_formed NAME VALUE
    while read -r name_asked form; do
        [ "$name_asked" != "$1" ] || {
            printf '%s\n' "$2" | grep -Eq -e "^($form)\$"
            return
        }
    done <<ASKED
$asked
ASKED
    return 1
}

read_cron() { # read_cron FILE: ours by its first line
    [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %s "$1")" -le 4096 ] || return 0
    { IFS= read -r first || :; } <"$1"
    [ "$first" = '# kaitu-operator: written from the KaituNode, changes here are undone' ] || return 0
    printf 'cron\t%s\t%s\n' "$(printf %s "${1##*/}" | base64 -w0)" "$(base64 -w0 "$1")"
}

[ $# -eq 2 ] && is_number "$2" || finish EARG read_deployment
need grep tr
directory=$1
asked=$(take "$2" && printf .) && asked=${asked%.}
[ ${#asked} -eq "$2" ] || finish ESHORT read_deployment
out=$(read_deployment; printf ' %s' $?)
rc=${out##* } out=$(printf %s "${out% *}" | base64 -w0)
frame "{\"fragments\":{\"read_deployment\":{\"rc\":$rc,\"out\":\"$out\"}}}"
