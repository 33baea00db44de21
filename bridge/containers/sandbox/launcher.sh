#!/bin/sh
# The same as launcher.pl, for a host without Perl: the same steps, each taken by a program of util-linux or coreutils.
# It is slower, because each step starts a process. launcher.pl describes the steps.
#
#   sh launcher.sh STEP... run PROGRAM ARGUMENT...
set -eu

id=
while [ $# -gt 0 ]; do
  step=$1
  shift
  case $step in
    # `printf` is built into the shell: joining a cgroup by writing 0 moves the shell itself.
    write) printf %s "$2" >"$1"; shift 2 ;;
    limit) prlimit --pid $$ "--$1=$2:$2"; shift 2 ;;
    # unshare runs this program anew for the steps that are left.
    private-mounts) exec unshare --mount --propagation private sh "$0" "$@" ;;
    mount) mount -n -t "$3" -o "$4${5:+,$5}" "$1" "$2"; shift 5 ;;
    device) mknod -m 666 "$1" c "$2" "$3"; shift 3 ;;
    link) ln -s "$2" "$1"; shift 2 ;;
    # No step but `run` may follow, so that the two are taken by one setpriv.
    become) id=$1; shift; [ "$1" = run ] ;;
    run)
      [ -z "$id" ] || exec setpriv --clear-groups --regid "$id" --reuid "$id" --no-new-privs "$@"
      exec "$@"
      ;;
    *) echo "launcher.sh: $step is unknown" >&2; exit 2 ;;
  esac
done
echo "launcher.sh: the step run is missing" >&2
exit 2
