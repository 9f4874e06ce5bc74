/** What mount and unmount do outside of the agent; the arguments come as they are, none is part of a script. */

/** Exit statuses of MOUNT. */
export const MOUNT_STATUS = { badPlace: 3, notMounted: 4 } as const

/**
 * $1 where the tree appears, $2 options of v9fs, $3 owner of directories made, $4 a place of root's alone, $5 the one
 * entry that appears, or nothing. The socket is the standard input. Directories are made one by one, those in the user's
 * home given to the user, who may have put symlinks there: nothing is made or given away through one.
 */
export const MOUNT = `
b=/usr/lib/skerry/busybox
folders() {
  made=
  rest=\${1#/}
  while [ -n "$rest" ]; do
    made=$made/\${rest%%/*}
    case $rest in */*) rest=\${rest#*/} ;; *) rest= ;; esac
    [ -d "$made" ] && continue
    $b mkdir "$made" || return 1
    case $made in /home/user/*) $b chown -h "$2" "$made" ;; esac
  done
}
if [ -z "$5" ]; then
  folders "$1" "$3" || exit 3
  $b mount -t 9p -o "$2" skerry "$1" || exit 4
  exit 0
fi
folders "\${1%/*}" "$3" || exit 3
[ -d "$1" ] && { echo "a directory is there" >&2; exit 3; }
[ -e "$1" ] || { (set -C; : >"$1") && $b chown -h "$3" "$1"; } || exit 3
$b mkdir -p "$4" || exit 3
$b chmod 700 "\${4%/*}" "$4" || exit 3
$b mount -t 9p -o "$2" skerry "$4" || exit 4
$b mount --bind "$4/$5" "$1" || { $b umount -l "$4"; exit 4; }
`

/** $1 where it appears, $2 the hidden place or nothing. Taken away although it is used. */
export const UNMOUNT = `
b=/usr/lib/skerry/busybox
$b umount -l "$1"
if [ -n "$2" ]; then $b umount -l "$2"; $b rmdir "$2"; fi
exit 0
`

/** Every tree that is mounted writes back what it holds. */
export const SYNCHRONISE = "exec /usr/lib/skerry/busybox sync"
