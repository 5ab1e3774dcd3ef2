# shellcheck shell=sh
# Fragment env: what .env says about some names. No value of it is ever printed.
# Data: the deployment directory, then NAME=VALUE lines as they should be; these may be secret, so
# they stay in pipes: nothing of them is an argument, an environment variable or a file.
#
# Lines: file absent|present|irregular; protected COUNT yes|no (K2_NODE_SECRET; not empty);
#        unclosed yes|no (a quote that never closes, or a NUL); compose NAME (each COMPOSE_* key);
#        state NAME same|differs|missing|duplicate|multiline|unknown, one for each name asked for.
probe_env() {
    IFS= read -r directory || return 1
    file=${KAITU_ROOT:-}$directory/.env
    kind=irregular
    if [ ! -L "$file" ] && [ ! -e "$file" ]; then
        kind=absent
    elif [ ! -L "$file" ] && [ -f "$file" ] && [ -r "$file" ] &&
        [ "$(stat -c %s "$file")" -le 1048576 ]; then
        kind=present
    fi
    printf 'file\t%s\n' "$kind"
    {
        cat
        echo
        [ "$kind" != present ] || tr '\000' '\001' <"$file"
    } | awk -v kind="$kind" "$env_reader$env_states"
}

# Reads .env as docker compose does (compose-go's dotenv), as far as needed: what it would expand or
# unescape counts as different, because we write such values in single quotes. Whoever runs it appends
# what is to be told in the end.
# shellcheck disable=SC2016 # awk's own dollars
env_reader='
BEGIN { blank = "([ \t\v\f\r]|\302\205|\302\240)+" }
!asked && $0 == "" { asked = 1; next }
!asked { at = index($0, "="); names[++count] = substr($0, 1, at - 1)
         wanted[names[count]] = substr($0, at + 1); next }
++line == 1 { sub(/^\357\273\277/, "") }
index($0, "\001") { unclosed = 1 }
{ statements = (quote != ""); text = $0
  if (quote == "" || closing()) while (statement()) { } }

# One statement at the start of `text`, which loses it. False at the end of the line.
function statement() {
    sub("^" blank, "", text)
    if (text == "" || text ~ /^#/) return 0
    if (text ~ /^export[ \t\v\f\r]/) { sub(/^export/, "", text); sub("^" blank, "", text) }
    if (!match(text, /^[^=:]*[=:]/)) return 0
    key = substr(text, 1, RLENGTH - 1)
    sub(blank "$", "", key)
    text = substr(text, RLENGTH + 1)
    sub("^" blank, "", text)
    seen[key]++
    if (++statements > 1) crowded[key] = crowded[former] = 1
    former = key
    quote = substr(text, 1, 1)
    if (quote != "\"" && quote != "\047") { quote = ""; bare(); return 0 }
    text = substr(text, 2)
    value[key] = ""; plain[key] = 1; raw[key] = quote == "\047"
    return closing()
}

function bare(   at) {
    at = index(text, " #")
    if (at) text = substr(text, 1, at - 1)
    sub(/[ \t\v\f\r]+$/, "", text)
    value[key] = text; raw[key] = 0
    plain[key] = text !~ /[$\\\001-\010\013-\037\177-\377]/
}

# Take the rest of a quoted value from `text`; false when it goes on in the next line.
function closing(   i, c) {
    for (i = 1; (c = substr(text, i, 1)) != ""; i++) {
        if (c == "\\") { plain[key] = 0; i++; continue }
        if (c == quote) break
    }
    value[key] = value[key] substr(text, 1, i - 1)
    if (quote == "\"" && value[key] ~ /\$/) plain[key] = 0
    if (c == "") { crowded[key] = 1; value[key] = value[key] "\n"; return 0 }
    quote = ""; text = substr(text, i + 1)
    return 1
}

'
# shellcheck disable=SC2016
env_states='
function state(name) {
    if (kind == "irregular" || unclosed) return "unknown"
    if (name in crowded) return "multiline"
    if (!(name in seen)) return "missing"
    if (seen[name] > 1) return "duplicate"
    return plain[name] && value[name] "" == wanted[name] "" ? "same" : "differs"
}

# Whether something is left of a value when plain references to names that are not set are gone.
function filled(name,   text, other) {
    text = value[name] ""
    while (!raw[name] && match(text, /[$]([A-Za-z_][A-Za-z0-9_]*|[{][A-Za-z_][A-Za-z0-9_]*[}])/)) {
        other = substr(text, RSTART + 1, RLENGTH - 1)
        gsub(/[{}]/, "", other)
        if (value[other] "" != "") return 1
        text = substr(text, 1, RSTART - 1) substr(text, RSTART + RLENGTH)
    }
    return text != ""
}

END {
    if (quote != "") unclosed = 1
    secret = "K2_NODE_SECRET"
    print "protected\t" (seen[secret] + 0) "\t" (filled(secret) ? "yes" : "no")
    print "unclosed\t" (unclosed ? "yes" : "no")
    for (i = 1; i <= count; i++) print "state\t" names[i] "\t" state(names[i])
    for (key in seen) if (key ~ /^COMPOSE_[A-Za-z0-9_]+$/) print "compose\t" key
}'
