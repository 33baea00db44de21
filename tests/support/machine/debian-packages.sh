# Sourced: Debian packages of another suite, fetched with the host's apt into lists of their own. Nothing of the host's packages is touched.
# Before it, set: apt, a directory for the lists and archives; suite; architecture.
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

# An empty root with a merged /usr.
make_root() {
  for directory in bin lib sbin lib64; do
    mkdir -p "$1/usr/$directory"
    ln -s "usr/$directory" "$1/$directory"
  done
  mkdir -p "$1/tmp" "$1/etc" "$1/proc" "$1/dev"
  printf 'root:x:0:0::/:/bin/sh\n' > "$1/etc/passwd"
  printf 'root:x:0:\n' > "$1/etc/group"
}

mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/parts"
: > "$apt/status"
: > "$apt/none"
# A suite's Release file may be valid for a week only; an archive's snapshot or a clock may be further away than that.
echo "deb [check-valid-until=no signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $suite main" > "$apt/sources.list"
own_apt update >&2
