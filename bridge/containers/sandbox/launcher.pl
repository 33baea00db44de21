#!/usr/bin/perl -w
# Prepares one process and then turns it into an agent's sandbox. The bridge runs this program once for each start of an
# agent; when the bridge is root, this program is root too, until the step `become`.
#
#   perl -w launcher.pl ARCHITECTURE STEP... run PROGRAM ARGUMENT...
#
# The steps are data: a name and a fixed number of arguments each. They are taken in the order in which they are given.
#
#   write FILE TEXT                          write TEXT into FILE
#   limit RESOURCE MOST                      set a resource's soft and hard limit: nofile, core or msgqueue
#   private-mounts                           from here on, mounts are visible to this process and its children alone
#   mount SOURCE TARGET TYPE FLAGS OPTIONS   mount(2); FLAGS are names of %MOUNT_FLAGS with commas between them
#   device PATH MAJOR MINOR                  make a character device that everybody may read and write
#   link PATH TARGET                         make a symbolic link
#   become ID                                give up root for good: the user ID and the group ID become ID
#   run PROGRAM ARGUMENT...                  the last step: replace this process by PROGRAM
#
# The first step that fails ends the process with one line on the error output, and nothing is run.
#
# Why Perl: Debian and its relatives always have it (perl-base), it makes system calls, and it starts in a millisecond. A
# program for each step, as in launcher.sh, takes a tenth of an agent's start. launcher.sh takes the same arguments.
# No module is loaded but `strict`, because each costs as much as all of the steps together.
use strict;

# Linux: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
my %SYSTEM_CALLS = (
  x64 => {
    mknodat => 259, mount => 165, prctl => 157, prlimit64 => 302,
    setgroups => 116, setresgid => 119, setresuid => 117, unshare => 272,
  },
  arm64 => {
    mknodat => 33, mount => 40, prctl => 167, prlimit64 => 261,
    setgroups => 159, setresgid => 149, setresuid => 147, unshare => 97,
  },
);

# Linux: include/uapi/linux/mount.h. These are the same on both architectures, as are all of the following.
my %MOUNT_FLAGS = (
  ro => 0x1, nosuid => 0x2, nodev => 0x4, noexec => 0x8,
  remount => 0x20, bind => 0x1000, rec => 0x4000, private => 0x40000,
);

# Linux: include/uapi/asm-generic/resource.h.
my %RESOURCES = (nofile => 7, core => 4, msgqueue => 12);

my $CLONE_NEWNS = 0x20000;        # include/uapi/linux/sched.h
my $PR_SET_NO_NEW_PRIVS = 38;     # include/uapi/linux/prctl.h
my $AT_FDCWD = -100;              # include/uapi/linux/fcntl.h
my $S_IFCHR = 0020000;            # include/uapi/linux/stat.h

my $architecture = take();
my $numbers = $SYSTEM_CALLS{$architecture} or die "launcher.pl: no system call numbers are known for $architecture\n";
# A 32-bit Perl would make other system calls by the same numbers.
length(pack("P", undef)) == 8 or die "launcher.pl: this Perl is not a 64-bit program\n";

my %STEPS = (
  "write" => sub {
    my ($file, $text) = (take(), take());
    my $handle;
    open($handle, ">", $file) && defined(syswrite($handle, $text)) && close($handle) or fail($file);
  },

  "limit" => sub {
    my ($resource, $most) = (named(\%RESOURCES, take()), number(take()));
    call("prlimit", "prlimit64", 0, $resource, pack("QQ", $most, $most), 0);
  },

  "private-mounts" => sub {
    call("unshare", "unshare", $CLONE_NEWNS);
    call("mount /", "mount", "none", "/", "none", $MOUNT_FLAGS{rec} | $MOUNT_FLAGS{private}, "");
  },

  "mount" => sub {
    my ($source, $target, $type, $names, $options) = (take(), take(), take(), take(), take());
    my $flags = 0;
    $flags |= named(\%MOUNT_FLAGS, $_) for split(/,/, $names);
    call("mount $target", "mount", $source, $target, $type, $flags, $options);
  },

  "device" => sub {
    my ($path, $major, $minor) = (take(), number(take()), number(take()));
    call("mknod $path", "mknodat", $AT_FDCWD, $path, $S_IFCHR, ($major << 8) | $minor);
    # mknod(2) is subject to the umask.
    chmod(0666, $path) or fail($path);
  },

  "link" => sub {
    my ($path, $target) = (take(), take());
    symlink($target, $path) or fail($path);
  },

  # The groups go first: without root's rights they could not be given up any more. Real, effective and saved ids are all
  # set, and the kernel clears the capabilities with the last of root's user ids.
  "become" => sub {
    my $id = number(take());
    call("setgroups", "setgroups", 0, 0);
    call("setresgid", "setresgid", $id, $id, $id);
    call("setresuid", "setresuid", $id, $id, $id);
    call("no_new_privs", "prctl", $PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  },

  "run" => sub {
    my $program = take();
    my @arguments = splice(@ARGV);
    exec({ $program } $program, @arguments) or fail($program);
  },
);

while (@ARGV) {
  named(\%STEPS, take())->();
}
die "launcher.pl: the step run is missing\n";

# The next argument.
sub take {
  @ARGV or die "launcher.pl: an argument is missing\n";
  return shift(@ARGV);
}

# The value of a name in one of the tables above.
sub named {
  my ($table, $name) = @_;
  exists($table->{$name}) or die "launcher.pl: $name is unknown\n";
  return $table->{$name};
}

# Perl's syscall passes a number by value and a string by its address, so that each argument must be what it should be.
sub number {
  my ($text) = @_;
  $text =~ /\A[0-9]{1,18}\z/ or die "launcher.pl: $text is not a number\n";
  return $text + 0;
}

# Makes a system call. `@values` are copies: Perl refuses to pass the address of a constant.
sub call {
  my ($what, $name, @values) = @_;
  syscall($numbers->{$name}, @values) == -1 and fail($what);
}

sub fail {
  my ($what) = @_;
  die "launcher.pl: $what: $!\n";
}
