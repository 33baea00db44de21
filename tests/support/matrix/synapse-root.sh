#!/bin/sh
# Makes a directory tree that holds the Synapse homeserver and all it needs: the packages of Debian's unstable suite are
# fetched with the host's apt into lists of their own and unpacked; nothing of the host's packages is touched. One short
# start inside byte-compiles the modules in use and leaves a migrated, empty database in the tree's /data.
#   synapse-root.sh TARGET     TARGET must not exist; it appears whole or not at all
set -eu
target=$1
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root
apt=$work/apt suite=sid architecture=$(dpkg --print-architecture)
. "$(dirname "$0")/../machine/debian-packages.sh"

say "fetching the packages"
own_apt install -y -d --no-install-recommends matrix-synapse dash coreutils base-files >&2

say "unpacking them"
make_root "$root"
# Of no use to a homeserver that tests talk to: image codecs, PAM, documentation, geographic data.
find "$apt/archives" -name '*.deb' | grep -Ev '/(libaom3|libsvtav1enc|librav1e|libdav1d|libgav1|libpam|wget_|ca-certificates|libjs-jquery|libc-gconv|ieee-data)' |
  xargs -P 4 -I DEB sh -c 'dpkg-deb --fsys-tarfile "$1" | tar -xf - -C "$2" --keep-directory-symlink --no-same-owner \
    --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude=./usr/share/info --exclude="*/gconv" \
    --exclude="*/phonenumbers/geodata" --exclude="*/test/test_*" --exclude="*/tests" --exclude="*/ensurepip"' unpack DEB "$root"
mkdir "$root/data"
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
