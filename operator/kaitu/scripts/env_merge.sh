# shellcheck shell=sh disable=SC2016
# The merge of managed lines into a .env, as text, and the way back. Gives the others: merge_env,
# before_env, undo_env. Needs `why`.
#
# Only managed lines change; every other byte stays, and each result is proven before it is used.
# The grammar is docker compose's: quotes span lines, and a closed quote may be followed by another
# assignment. Where the change of a whole line is not certainly right, it is refused.

# What merge and proof share: read the directives (part 1), read the file (part 2), say which line
# belongs to whom. A byte is added to the file's end: awk cannot see whether a last newline is there.
# Exit codes: 3 protected name, 4 managed name where a line cannot be changed, 5 bad directive, 6 open quote.
ENV_LINES='
function name_of(text,    at) { # the name that a statement assigns, or nothing
    sub(/^[ \t\v\f\r]+/, "", text)
    sub(/^export[ \t\f\r]+/, "", text)
    at = match(text, /[=:]/)
    text = at ? substr(text, 1, at - 1) : ""
    sub(/[ \t\v\f\r]+$/, "", text)
    return text
}
function managed(name) {
    return name in value
}
function suspect(name) { # reads like a managed name to some: bytes around it that a parser may drop
    if (!gsub(/[^A-Za-z0-9_.-]/, "", name)) return 0
    sub(/^export/, "", name)
    return managed(name)
}
function is_protected(name) {
    name = tolower(name)
    return (name in guarded) || index(name, "compose_") == 1
}
function directive(text,    at, name) {
    at = index(text, "=")
    name = substr(text, 1, at - 1)
    text = substr(text, at + 1)
    if (name !~ /^[A-Za-z_][A-Za-z0-9_]*$/ || managed(name)) return 5
    if (is_protected(name)) return 3
    if (text !~ /^[A-Za-z0-9_.\/:@%+,=-]*$/ && text !~ /^\047[^\047\\\r]*\047$/) return 5
    order[++directives] = name
    value[name] = text
    return 0
}
function was(text,    name) { # a line of what ENV_BEFORE printed
    sub(/^\357\273\277/, "", text)
    name = (text ~ /^!/) ? substr(text, 2) : name_of(text)
    order[++directives] = name
    value[name] = text
    saved[name] = (text !~ /^!/)
}
function put(text, ending) {
    if (begun++ && !ended) print "\n"
    print text ending
    ended = (ending != "")
}
function end_of_quote(text, from, quote,    i, c) {
    for (i = from; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\\") i++
        else if (c == quote) return i
    }
    return 0
}
# Walks over the statements of a line. Sets `head`, the name that it assigns first, and `unsafe` if
# a managed name shares it: with another statement, or with a quote that began or ends elsewhere.
# Sets `bare` if the line ends in a word that assigns nothing.
function walk(text,    name, count, at) {
    head = ""
    bare = 0
    if (quote != "") {
        if (managed(quoted) || managed(name_of(text))) unsafe = 1
        at = end_of_quote(text, 1, quote)
        if (!at) return
        text = substr(text, at + 1)
        quote = ""
        count = 1
    }
    while (text !~ /^[ \t\v\f\r]*(#|$)/) {
        name = name_of(text)
        if (!count) head = name
        if (count++ && (managed(name) || managed(head))) unsafe = 1
        if (!managed(name) && suspect(name)) unsafe = 1
        bare = !sub(/^[^=:]*[=:][ \t\v\f\r]*/, "", text)
        if (bare || text !~ /^["\047]/) return
        quote = substr(text, 1, 1)
        quoted = name
        at = end_of_quote(text, 2, quote)
        if (!at) {
            if (managed(name)) unsafe = 1
            return
        }
        text = substr(text, at + 1)
        quote = ""
    }
}
BEGIN {
    count = split("k2_node_secret," tolower(PROTECTED), names, ",")
    for (i = 1; i <= count; i++) guarded[names[i]] = 1
}
part == 1 { if (!bad) bad = directive($0) }
part == 3 { was($0) }
part == 2 { line[++n] = $0 }
END {
    if (bad) exit bad
    newline = line[n] == "!"
    if (newline) n--
    else sub(/!$/, "", line[n])
    if (n && sub(/^\357\273\277/, "", line[1])) bom = "\357\273\277"
    if (n == 1 && line[1] == "" && !newline) n = 0
    for (i = 1; i <= n; i++) {
        walk(line[i])
        owner[i] = head
        if (managed(head)) last[head] = i
    }
    for (i = 1; i <= directives; i++) # a newline after a bare last word changes what compose makes of it
        if (bare && !newline && !(order[i] in last)) unsafe = 1
    if (quote != "") exit 6
    if (unsafe) exit 4
    ORS = ""
    print bom
}
'

# The last line of a managed name is replaced in its place, earlier ones go, what is missing is added.
ENV_MERGE=$ENV_LINES'
END {
    for (i = 1; i <= n; i++) {
        name = owner[i]
        text = line[i]
        if (managed(name)) {
            if (last[name] != i) continue
            match(text, /^[ \t\v\f\r]*(export[ \t\f\r]+)?/)
            text = substr(text, 1, RLENGTH) name "=" value[name] (text ~ /\r$/ ? "\r" : "")
        }
        put(text, (i < n || newline) ? "\n" : "")
    }
    for (i = 1; i <= directives; i++)
        if (!(order[i] in last))
            put(order[i] "=" value[order[i]], (n && line[1] ~ /\r$/) ? "\r\n" : "\n")
}'

# How the managed names stood: the line that counted, or !NAME where there was none.
ENV_BEFORE=$ENV_LINES'
END { for (i = 1; i <= directives; i++) print ((order[i] in last) ? line[last[order[i]]] : "!" order[i]) "\n" }'

# And back to it, whatever else was written since.
ENV_UNDO=$ENV_LINES'
END {
    for (i = 1; i <= n; i++) {
        name = owner[i]
        if (managed(name) && (last[name] != i || !saved[name])) continue
        put(managed(name) ? value[name] : line[i], (i < n || newline) ? "\n" : "")
    }
    for (i = 1; i <= directives; i++)
        if (saved[order[i]] && !(order[i] in last)) put(value[order[i]], "\n")
}'

ENV_FOREIGN=$ENV_LINES'
END { for (i = 1; i <= n; i++) if (!managed(owner[i])) print line[i] "\n" }'

env_awk() { # env_awk PROGRAM FILE DIRECTIVES [PART]
    { cat "$2" && printf '!'; } | awk -v PROTECTED="${protected:-}" "$1" part="${4:-1}" "$3" part=2 -
}

# merge_env FILE DIRECTIVES OUT: FILE may be absent, DIRECTIVES holds lines of NAME=RENDERED, and
# `protected` may name more names, with commas. If it is refused, fails with the reason in `code`.
merge_env() {
    edit_env "$ENV_MERGE" 1 "$@"
}

undo_env() { # undo_env FILE BEFORE OUT: the managed lines as `before_env` has told them
    edit_env "$ENV_UNDO" 3 "$@"
}

before_env() { # before_env FILE DIRECTIVES OUT
    env_awk "$ENV_BEFORE" "$1" "$2" >"$3"
}

edit_env() { # edit_env PROGRAM PART FILE DIRECTIVES OUT
    before=$3
    [ -e "$before" ] || before=/dev/null
    code=ENUL
    [ "$(tr -d '\000' <"$before" | wc -c)" -eq "$(wc -c <"$before")" ] || return 1
    complaint=$(env_awk "$1" "$before" "$4" "$2" 2>&1 >"$5")
    case $? in
    0) code=ESELFTEST ;;
    3) code=EPROTECTED ;;
    4) code=EMULTILINE ;;
    5) code=EDIRECTIVE ;;
    6) code=EUNCLOSED ;;
    *) code=$(why "$complaint") ;;
    esac
    [ "$code" = ESELFTEST ] && edit_proven "$1" "$2" "$before" "$4" "$5"
}

# Not one foreign line differs, not one line speaks of the node's secret otherwise, and there is
# nothing left to do. A wrong awk fails here, before its work is used.
edit_proven() {
    [ "$(env_awk "$ENV_FOREIGN" "$3" "$4" "$2" | sha256sum)" = \
        "$(env_awk "$ENV_FOREIGN" "$5" "$4" "$2" | sha256sum)" ] &&
        [ "$(env_secret <"$3")" = "$(env_secret <"$5")" ] &&
        [ "$(env_awk "$1" "$5" "$4" "$2" | sha256sum)" = "$(sha256sum <"$5")" ]
}

env_secret() { # a digest of the lines that set the secret, for this comparison only
    awk 'tolower($0) ~ /^([^=:]*[^A-Za-z0-9_=:])?k2_node_secret[ \t\v\f\r]*[=:]/' | sha256sum
}
