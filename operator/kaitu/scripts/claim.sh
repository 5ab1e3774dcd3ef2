# shellcheck shell=sh disable=SC2154
# claim: make the node ours. Words: PREVIOUS (id of the installation whose record may be replaced, or -)
[ $# -eq 1 ] || finish EARG claim
hold unowned "$1"

if [ "$owner" != "$installation $object" ]; then
    # The fence counts in the owner's own numbers. It goes first: a crash between leaves none, not theirs.
    rm -f "$KAITU_STATE/fence"
    kept owner "$installation $object"
    raise_fence
fi
if [ ! -s "$KAITU_STATE/mac.key" ]; then
    key=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    [ ${#key} -eq 64 ] || finish ESELFTEST od
    kept mac.key "$key"
fi
finish OK
