#!/bin/sh
# What must happen before Node 24 can run: Debian's packages, then npm's (which bring Node 24 along).
# Usage: sh tools/setup.sh quickstart|test|bench. Does nothing where everything is there.
set -eu
cd "$(dirname "$0")/.."

case $(uname -m) in
  x86_64) qemu=qemu-system-x86 ;;
  aarch64) qemu=qemu-system-arm ;;
  ppc64le) qemu=qemu-system-ppc ;;
  *) echo "Skerry does not know the processor $(uname -m)" >&2; exit 1 ;;
esac
packages="$qemu bubblewrap mmdebstrap erofs-utils binutils xz-utils uidmap iproute2 debian-archive-keyring"
case $1 in
  test) packages="$packages gnupg apt-utils busybox-static cpio git openssh-client poppler-utils graphicsmagick strace" ;;
  # The 9P server that ours is measured beside.
  bench) packages="$packages diod" ;;
esac

missing=
for package in $packages; do
  dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -n "$missing" ]; then
  sudo=
  if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || { echo "Run as root: apt-get install$missing" >&2; exit 1; }
  fi
  echo "Installing Debian packages:$missing"
  $sudo apt-get -qq update
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $sudo apt-get -q -y --no-install-recommends install $missing
  # It is started by who measures it; as a service it would listen on the network.
  case $missing in
    *diod*) if command -v systemctl >/dev/null; then $sudo systemctl disable --now diod || true; fi ;;
  esac
fi

# The lock file that was installed is kept beside the packages: equal means that there is nothing to do.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  echo "Installing npm packages, Node 24 among them"
  npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.installed-lock.json
fi
