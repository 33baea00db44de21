#!/bin/sh
# Makes a directory tree that holds the Synapse homeserver and all it needs: the packages of Debian's unstable suite are
# fetched with the host's apt into lists of their own and unpacked; nothing of the host's packages is touched. One short
# start inside byte-compiles the modules in use and leaves a migrated, empty database in the tree's /data.
#   synapse-root.sh TARGET     TARGET must not exist; it appears whole or not at all
set -eu
target=$1
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
apt=$work/apt
root=$work/root
architecture=$(dpkg --print-architecture)
say() { echo "$*" >&2; }

# The archive that this host itself uses.
archive=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
  sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' | grep -m 1 '/debian/*$') ||
  { say "no Debian archive among this host's apt sources"; exit 1; }

own_apt() {
  APT_CONFIG="$apt/none" apt-get -qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/parts" \
    -o Dir::Etc::preferencesparts="$apt/parts" -o Dir::State="$apt" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt" \
    -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=root \
    -o Acquire::Retries=5 -o Acquire::Languages=none -o Debug::NoLocking=1 -o APT::Update::Post-Invoke-Success= "$@"
}

say "fetching the packages"
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
: > "$apt/status"
: > "$apt/none"
# The suite's Release file is valid for a week only; an archive's snapshot or a clock may be further away than that.
echo "deb [check-valid-until=no signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive sid main" > "$apt/sources.list"
own_apt update >&2
own_apt install -y -d --no-install-recommends matrix-synapse dash coreutils base-files >&2

say "unpacking them"
for directory in bin lib sbin lib64; do
  mkdir -p "$root/usr/$directory"
  ln -s "usr/$directory" "$root/$directory"
done
# Of no use to a homeserver that tests talk to: image codecs, PAM, documentation, geographic data.
find "$apt/archives" -name '*.deb' | grep -Ev '/(libaom3|libsvtav1enc|librav1e|libdav1d|libgav1|libpam|wget_|ca-certificates|libjs-jquery|libc-gconv|ieee-data)' |
  xargs -P 4 -I DEB sh -c 'dpkg-deb --fsys-tarfile "$1" | tar -xf - -C "$2" --keep-directory-symlink --no-same-owner \
    --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude=./usr/share/info --exclude="*/gconv" \
    --exclude="*/phonenumbers/geodata" --exclude="*/test/test_*" --exclude="*/tests" --exclude="*/ensurepip"' unpack DEB "$root"
mkdir -p "$root/data" "$root/tmp" "$root/etc" "$root/proc" "$root/dev"
printf 'root:x:0:0::/:/bin/sh\n' > "$root/etc/passwd"
printf 'root:x:0:\n' > "$root/etc/group"
cp "$(dirname "$0")/synapse.yaml" "$root/etc/homeserver.yaml"
cp "$(dirname "$0")/synapse-log.yaml" "$root/etc/log.yaml"
cat > "$root/run.sh" <<'RUN'
printf 'listeners: [{port: %s, bind_addresses: ["127.0.0.1"], type: http, tls: false, resources: [{names: [client, media], compress: false}]}]\n' "$PORT" > /tmp/listener.yaml
printf '%s\n' "${EXTRA:-{\}}" > /tmp/extra.yaml
exec python3 -m synapse.app.homeserver -c /etc/homeserver.yaml -c /tmp/listener.yaml -c /tmp/extra.yaml "$@"
RUN
cat > "$root/bake.sh" <<'BAKE'
set -e
python3 -m synapse.app.homeserver -c /etc/homeserver.yaml --generate-keys
sh /run.sh & server=$!
tries=0
until python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$PORT/health')" 2>/dev/null; do
  kill -0 $server && tries=$((tries + 1)) && [ $tries -lt 240 ] && sleep 0.5
done
kill $server
wait $server || true
BAKE

say "starting it once"
# A network of its own: whatever uses the port outside does not matter.
bwrap --bind "$root" / --proc /proc --dev /dev --tmpfs /tmp --unshare-pid --unshare-net --die-with-parent --clearenv \
  --setenv PATH /usr/bin:/usr/sbin --setenv PORT 8008 sh /bake.sh > "$work/bake.log" 2>&1 || { tail -20 "$work/bake.log" >&2; exit 1; }
mv "$root" "$target"
