# shellcheck shell=sh disable=SC2154
# release: let go of the node. No words. Marked files and our records go; the deployment stays as it is.
[ -e "$KAITU_STATE/owner" ] || finish SAME # never ours: not even a lock is left there
hold unowned
[ -n "$owner" ] || finish SAME
if [ -e "$KAITU_STATE/job.lock" ]; then # a job that runs on would miss its files, and write new ones
    command exec 8>>"$KAITU_STATE/job.lock" || finish ELOCK
    flock -w 2 -E 75 8 || finish EBUSY job
fi

for place in /etc/cron.d /etc/sysctl.d; do
    for file in "$place"/*; do
        [ -f "$file" ] || continue # and no FIFO, on which reading would wait for ever
        if [ -L "$file" ] || ! ours "$file"; then continue; fi
        complaint=$(rm -f "$file" 2>&1) || refuse "$complaint"
    done
    [ ! -d "$place" ] || flushed "$place"
done
if [ -s "$KAITU_STATE/job/place" ] && read -r where _ <"$KAITU_STATE/job/place"; then
    rm -f "$where"/.kaitu-spare.*
fi
# The lock stays, for others may wait on it; the owner goes last, so that a cut release can be repeated.
rm -rf "$KAITU_STATE/job" "$KAITU_STATE/record" "$KAITU_STATE/held" "$KAITU_STATE/env.journal" \
    "$KAITU_STATE/refreshed" "$KAITU_STATE/updates" "$KAITU_STATE/verified.yml" "$KAITU_STATE/mac.key" || finish EWRITE "$KAITU_STATE"
rm -f "$KAITU_STATE"/.new.* "$KAITU_STATE/fence" "$KAITU_STATE/owner" || finish EWRITE "$KAITU_STATE"
flushed "$KAITU_STATE"
finish OK
