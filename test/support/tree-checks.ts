/** A script for an empty directory of the user's: says "all checked", or which check failed. */
export const FILE_CHECKS = `
fail() { echo "failed: $1"; exit 1; }
check() { what=$1; shift; "$@" >/dev/null 2>&1 || fail "$what"; }
refused() { what=$1; words=$2; shift 2; out=$("$@" 2>&1) && fail "$what was not refused"; case $out in *"$words"*) ;; *) fail "$what: $out" ;; esac; }
is() { [ "$2" = "$3" ] || fail "$1: $2 instead of $3"; }

echo one >a; echo two >b; check "rename over" mv -f a b; is "rename over" "$(cat b)" one; [ ! -e a ] || fail "renamed file stayed"
exec 3<b; rm b; is "unlink while open" "$(cat <&3)" one; exec 3<&-; [ ! -e b ] || fail "unlinked file stayed"
echo old >target; exec 3<target; echo new >fresh; mv fresh target; is "replaced while open" "$(cat <&3)" old; exec 3<&-
(echo 1; echo 2) >>log; (echo 3 >>log); is "append" "$(tr -d '\\n' <log)" 123
truncate -s 5 cut; is "truncate up" "$(stat -c %s cut)" 5; truncate -s 2 cut; is "truncate down" "$(stat -c %s cut)" 2
printf hello >cut; truncate -s 3 cut; is "truncated content" "$(cat cut)" hel
check "chmod" chmod 640 cut; is "chmod" "$(stat -c %a cut)" 640
check "touch" touch -d '2001-02-03 04:05:06 UTC' cut; is "utimens" "$(stat -c %Y cut)" 981173106
is "owner" "$(stat -c %u:%g cut)" 1000:1000
refused "chown" "Operation not permitted" chown 0 cut
ln -s /etc/passwd absolute; is "symlink" "$(readlink absolute)" /etc/passwd; ln -s nowhere dangling; refused "dangling link" "No such file" cat dangling
ln -s loop loop; refused "symlink loop" "Too many levels" cat loop
refused "hard link" "Operation not permitted" ln cut hard
mkdir -p full/sub; refused "rmdir of a full directory" "not empty" rmdir full; check "rmdir" rmdir full/sub full
refused "mkdir twice" "File exists" sh -c 'mkdir m && mkdir m'
refused "a file as directory" "Not a directory" cat cut/x
long=$(printf 'x%.0s' $(seq 255)); check "a name of 255 bytes" touch "$long"; check "found again" test -e "$long"
refused "a name of 256 bytes" "File name too long" touch "\${long}x"
odd=$(printf 'a\\377\\001 b'); check "a name of odd bytes" touch "$odd"; check "odd name found" test -e "$odd"; check "odd name removed" rm "$odd"
check "set an attribute" setfattr -n user.tag -v red cut; is "attribute" "$(getfattr --only-values -n user.tag cut)" red
check "remove an attribute" setfattr -x user.tag cut; refused "no attribute" "No such attribute" getfattr -n user.tag cut
(flock 9; flock -n cut2 true) 9>cut2 && fail "locked twice"; check "lock" flock cut2 true
mkdir many; i=0; while [ $i -lt 60 ]; do : >many/$i; i=$((i+1)); done
is "readdir" "$(ls many | wc -l)" 60
for f in many/*; do rm $f; done; is "removed" "$(ls many | wc -l)" 0; rmdir many
refused "a device" "Operation not permitted" mknod dev b 1 1
/usr/lib/skerry/node -e '
const fs = require("fs"), assert = require("assert")
const fd = fs.openSync("wide", "w+"); fs.writeSync(fd, "end", 5000000); assert.equal(fs.fstatSync(fd).size, 5000003)
const hole = Buffer.alloc(10, 1); fs.readSync(fd, hole, 0, 10, 4000000); assert.deepEqual(hole, Buffer.alloc(10))
fs.fsyncSync(fd); fs.ftruncateSync(fd, 1); fs.futimesSync(fd, 5, 7); assert.equal(fs.fstatSync(fd).mtimeMs, 7000)
fs.unlinkSync("wide"); fs.writeSync(fd, "x", 0); assert.equal(fs.fstatSync(fd).size, 1); fs.closeSync(fd)
assert.throws(() => fs.openSync("cut", "wx"), { code: "EEXIST" })
const data = Buffer.alloc(700001, "0123456789"); fs.writeFileSync("data", data); assert.ok(fs.readFileSync("data").equals(data))
fs.mkdirSync("dir/deep/er", { recursive: true }); fs.renameSync("dir", "dir2"); fs.writeFileSync("dir2/deep/er/f", "f")
assert.throws(() => fs.renameSync("dir2", "dir2/deep/x"), { code: "EINVAL" })
assert.ok(fs.statfsSync(".").blocks > 0)
const opened = fs.opendirSync("dir2/deep"); fs.rmSync("dir2", { recursive: true }); opened.closeSync()
' || fail "node"
rm -rf ./*; echo "all checked"
`
