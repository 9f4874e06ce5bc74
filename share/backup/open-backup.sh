#!/bin/sh
# Opens a Skerry backup without Skerry: sh open-backup.sh BACKUP TARGET PASSPHRASE-FILE [NUMBER]
#
# BACKUP is the folder that `skerry backup` wrote (a stream: unpack it with tar first). In TARGET, which must not be
# there, come `configuration/` and `state/TREE/`: the newest version of each tree of the newest backup, or of NUMBER.
# Needs a POSIX shell, awk, coreutils, tar, openssl 3, xxd and zstd. docs/backup.md explains each step. While it runs,
# keys stand on command lines of openssl: use it on a machine where you are alone.
set -eu
umask 077
fail() { echo "open-backup: $*" >&2; exit 1; }
[ $# -ge 3 ] || fail "give BACKUP TARGET PASSPHRASE-FILE [NUMBER]"
backup=$1 target=$2 passphrase_file=$3 wanted=${4:-}
[ ! -e "$target" ] || fail "$target is there already"
mkdir "$target"
trap 'rm -rf "$target"' EXIT
work=$target/.work
mkdir "$work" "$work/manifests" "$work/objects"

hex() { xxd -p | tr -d '\n'; }
hmac() { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -r | cut -c1-64; }
aes() { openssl enc -d -aes-256-ctr -K "$1" -iv 00000000000000000000000000000000; }
field() { awk -v name="$1" '$1 == name { $1 = ""; print substr($0, 2); exit }' "$backup/skerry-backup"; }

# The key: wrapped with the passphrase.
[ "$(head -n 1 "$backup/skerry-backup")" = "skerry-backup 1" ] || fail "$backup is no backup of format 1"
set -- $(field scrypt)
passphrase=$(head -n 1 "$passphrase_file" | tr -d '\r\n' | hex)
wrapping=$(openssl kdf -binary -keylen 64 -kdfopt "hexpass:$passphrase" -kdfopt "hexsalt:$(field salt)" \
  -kdfopt "n:$1" -kdfopt "r:$2" -kdfopt "p:$3" SCRYPT | hex)
encrypts=$(echo "$wrapping" | cut -c1-64)
authenticates=$(echo "$wrapping" | cut -c65-128)
[ "$(head -n 5 "$backup/skerry-backup" | hmac "$authenticates")" = "$(field mac)" ] || fail "the passphrase is wrong"
key=$(field key | xxd -r -p | aes "$encrypts" | hex)

# unseal FILE PURPOSE: what a part or manifest holds, on standard output.
unseal() {
  size=$(wc -c < "$1")
  [ "$(head -c 8 "$1")" = SKRYBKP1 ] || fail "$1 is no part"
  nonce=$(head -c 40 "$1" | tail -c 32 | hex)
  encrypts=$(printf 'skerry-backup-1 encrypt %s %s' "$2" "$nonce" | hmac "$key")
  authenticates=$(printf 'skerry-backup-1 authenticate %s %s' "$2" "$nonce" | hmac "$key")
  [ "$(head -c $((size - 32)) "$1" | hmac "$authenticates")" = "$(tail -c 32 "$1" | hex)" ] || fail "$1 was altered"
  tail -c +41 "$1" | head -c $((size - 72)) | aes "$encrypts" | zstd -dcq
}

# The manifests, one after the other: a later one that is whole takes the place of all before.
previous=- sequence=0
: > "$work/all"
for file in "$backup"/manifests/[0-9]*; do
  text=$work/manifests/$(basename "$file")
  unseal "$file" manifest > "$text"
  number=$(awk '$1 == "sequence" { print $2; exit }' "$text")
  [ "$(printf '%08d' "$number")" = "$(basename "$file")" ] || fail "$file was moved"
  if [ "$(sed -n 4p "$text")" = whole ]; then
    : > "$work/all"
  else
    [ "$number" -eq $((sequence + 1)) ] || fail "a manifest before $file is missing"
    [ "$(sed -n 3p "$text")" = "previous $previous" ] || fail "$file does not continue the one before"
  fi
  sed '1,4d;$d' "$text" >> "$work/all"
  previous=$(tail -c 32 "$file" | hex) sequence=$number
done
[ -n "$wanted" ] || wanted=$(awk '$1 == "backup" { n = $2 } END { print n }' "$work/all")
awk -v n="$wanted" '$1 == "backup" { on = $2 == n } on && $1 != "part"' "$work/all" > "$work/backup"
[ -s "$work/backup" ] || fail "there is no backup $wanted"

part() { # part NAME: checks that it is the one that the manifest names
  [ "$(sha256sum < "$backup/parts/$1" | cut -c1-64)" = "$1" ] || fail "parts/$1 was altered"
}

# The configuration is a tar.
name=$(awk '$1 == "backup" { print $6 }' "$work/backup")
part "$name"
unseal "$backup/parts/$name" files > "$work/files.tar"
if tar -tf "$work/files.tar" | grep -qE '(^|/)\.\.(/|$)|^/'; then fail "the configuration leads out of its folder"; fi
mkdir "$target/configuration"
tar -xpf "$work/files.tar" -C "$target/configuration"

# So is each pack: the objects chunk/DIGEST and node/DIGEST, and list/DIGEST, which says what a node says.
awk '$1 == "part" && ($2 == "chunks" || $2 == "nodes") { print $2, $3 }' "$work/all" > "$work/packs"
while read -r kind name; do
  part "$name"
  unseal "$backup/parts/$name" "$kind" > "$work/pack.tar"
  if tar -tf "$work/pack.tar" | grep -qvE '^(chunk|node|list)/[0-9a-f]{64}$'; then fail "parts/$name is no pack"; fi
  tar -xf "$work/pack.tar" -C "$work/objects"
done < "$work/packs"

# All lists together tell what to make: awk walks them from each tree's root, a line for each step.
mkdir "$target/state"
awk '$1 == "tree" { tree = $2 } $1 == "version" { root[tree] = substr($3, 8) } END { for (t in root) print t, root[t] }' \
  "$work/backup" > "$work/roots"
if [ -d "$work/objects/list" ]; then
  find "$work/objects/list" -type f | while read -r file; do
    echo "= $(basename "$file")"
    cat "$file"
  done > "$work/lists"
else
  : > "$work/lists"
fi
awk '
  function bad(name) { return name == "" || name == "." || name == ".." || name ~ /\// || name ~ /\\0057/ || name ~ /\\0000/ }
  function content(ref, path, offset,   i, n, lines, w) {
    if (ref == "-") return
    if (ref ~ /^chunk:/) { print "c", path, offset, substr(ref, 7); return }
    n = split(list[substr(ref, 6)], lines, "\n")
    for (i = 1; i < n; i++) { split(lines[i], w, " "); content(w[3], path, sprintf("%.0f", offset + w[2])) }
  }
  function folder(ref, path,   i, n, lines, w, below) {
    if (ref == "-") return
    n = split(list[substr(ref, 6)], lines, "\n")
    for (i = 1; i < n; i++) {
      split(lines[i], w, " ")
      if (w[1] == "m") { folder(w[3], path); continue }
      if (w[1] == "r") { folder(w[6], path); continue }
      if (w[1] == "a") continue
      if (bad(w[5])) { print "bad name " w[5] > "/dev/stderr"; exit 1 }
      below = path "/" w[5]
      if (w[1] == "d") { print "d", below; folder(w[6], below); print "t", below, w[2], w[3] }
      if (w[1] == "l") print "l", below, w[6]
      if (w[1] == "f") { print "f", below; content(w[6], below, 0); print "s", below, w[4], w[2], w[3] }
    }
  }
  FNR == NR { if ($1 == "=") node = $2; else list[node] = list[node] $0 "\n"; next }
  { print "d", $1; folder("node:" $2, $1) }
' "$work/lists" "$work/roots" > "$work/steps"

at() { path=$(printf '%bx' "$1"); path=$target/state/${path%x}; } # the x keeps line ends at the end of a name
while read -r step name a b c; do
  at "$name"
  case $step in
    d) mkdir "$path" ;;
    f) [ ! -e "$path" ] && [ ! -L "$path" ] || fail "$name is there twice"; : > "$path" ;;
    c) dd if="$work/objects/chunk/$b" of="$path" bs=128k seek="$a" oflag=seek_bytes conv=notrunc status=none ;;
    s) truncate -s "$a" "$path"; chmod "$b" "$path"; touch -d "@$c" "$path" ;;
    t) chmod "$a" "$path"; touch -d "@$b" "$path" ;;
    l) link=$(printf '%bx' "$a"); ln -s "${link%x}" "$path" ;;
  esac
done < "$work/steps"
rm -rf "$work"
trap - EXIT
echo "backup $wanted is in $target"
