# Reads lists of processes ("pid:start:signal ...") from the launcher; the newest one counts. When the pipe closes
# and the list is not empty, the launcher died without ending its children: this ends them, each with its group.
trap '' INT TERM HUP
list=
while read -r line; do list=$line; done
[ -z "$list" ] && exit 0

# A number alone may belong to a later process; the start time (field 22 of stat) tells.
is_same() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  wanted=$2
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$wanted" ]
}

ended=
for entry in $list; do
  pid=${entry%%:*}
  rest=${entry#*:}
  if is_same "$pid" "${rest%%:*}"; then
    kill -s "${rest#*:}" -- "-$pid" 2>/dev/null
    ended="$ended $entry"
  fi
done
for _ in 1 2 3 4 5 6 7 8; do
  sleep 1
  left=
  for entry in $ended; do
    rest=${entry#*:}
    is_same "${entry%%:*}" "${rest%%:*}" && left="$left ${entry%%:*}"
  done
  [ -z "$left" ] && break
done
for entry in $ended; do kill -s KILL -- "-${entry%%:*}" 2>/dev/null; done
exit 0
