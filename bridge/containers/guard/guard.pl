#!/usr/bin/perl -w
# Acts for a bridge whose one thread stands still. The bridge runs this program beside itself: a process of its own has a loop
# of its own, and takes 5 MB where a thread of Node would take 18.
#
#   perl -w guard.pl ARCHITECTURE BRIDGE SOCKET PANIC_FILE STOP_GRACE_MS HARD_STOP_MS
#
# It serves SOCKET, which its user alone may use, and takes one line from each client: a panic, with the reason as JSON. It
# freezes every agent, writes the line to PANIC_FILE so that no later start of the bridge forgets it, gives it to the bridge,
# and answers how many agents it froze. A bridge that does not take the panic over in time has its agents killed.
#
# It also looks at the pipe (descriptor 3) by which a signal reaches the bridge's loop. A SIGTERM, SIGINT or SIGHUP that stays
# in there was not taken: after a second the agents get SIGTERM, after STOP_GRACE_MS they get SIGKILL, and after HARD_STOP_MS
# so does the bridge.
#
# Standard input has a line for each change: `agent ID PID TICKS FREEZER`, `gone ID`, `panicked`. Its end is the bridge's end.
# Standard output has the panics. While nothing happens, the program sleeps.
use strict;
use Socket qw(AF_UNIX SOCK_STREAM SOMAXCONN pack_sockaddr_un);

my ($architecture, $bridge, $path, $panic_file, $stop_grace_ms, $hard_stop_ms) = @ARGV;

# Linux: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
my $TEE = {x64 => 276, arm64 => 77}->{$architecture};
my $SPLICE_F_NONBLOCK = 2;    # include/linux/splice.h
# libuv writes a pointer and the number of the signal (uv__signal_msg_t).
my $SIGNAL_MESSAGE_BYTES = 16;
my %STOPS = (1 => 1, 2 => 1, 15 => 1);

my $LINE_BYTES_MAX = 4096;
my $CLIENTS_MAX = 16;
my $CLIENT_SECONDS_MAX = 10;
# A bridge whose loop runs takes a signal in less than a millisecond.
my $SIGNAL_SECONDS = 1;
my $TAKE_OVER_SECONDS = 3;
my $LOOK_SECONDS = 0.25;

$SIG{PIPE} = "IGNORE";
# A terminal sends its signals to this process, too. The bridge decides what becomes of it.
$SIG{INT} = $SIG{HUP} = $SIG{TERM} = "IGNORE";

my %agents;     # ID => [PID, TICKS, FREEZER]
my %clients;    # descriptor => [handle, text, deadline]
my $panic_ends; # when the bridge has to have taken over
my ($signalled_at, $stage) = (undef, 0);
my $from_bridge = "";

my $listener;
umask(0177);
unlink($path);
socket($listener, AF_UNIX, SOCK_STREAM, 0) && bind($listener, pack_sockaddr_un($path)) && listen($listener, SOMAXCONN)
  or die "guard.pl: $path cannot be served: $!\n";
umask(0077);

my ($signals, $seen_in, $seen_out);
if (defined($TEE) && open($signals, "<&=", 3)) { pipe($seen_in, $seen_out) or undef($signals) }
else { undef($signals) }

syswrite(STDOUT, "ready\n");
while (1) {
  my $wanted = "";
  vec($wanted, fileno(STDIN), 1) = 1;
  vec($wanted, fileno($listener), 1) = 1 if keys(%clients) < $CLIENTS_MAX;
  vec($wanted, $_, 1) = 1 for keys(%clients);
  # While a signal waits, its pipe can be read all the time.
  vec($wanted, fileno($signals), 1) = 1 if defined($signals) && !defined($signalled_at);
  my $waits = defined($signalled_at) || defined($panic_ends) || %clients ? $LOOK_SECONDS : undef;
  select(my $ready = $wanted, undef, undef, $waits);
  hear_bridge() if vec($ready, fileno(STDIN), 1);
  accept_client() if vec($ready, fileno($listener), 1);
  for my $client (keys(%clients)) {
    hear_client($client) if vec($ready, $client, 1);
    drop_client($client) if exists($clients{$client}) && now() > $clients{$client}[2];
  }
  look_at_signals();
  if (defined($panic_ends) && now() > $panic_ends) {
    report("The bridge stands still and has not taken over a panic: its agents are killed");
    undef($panic_ends);
    kill_agents();
  }
}

sub hear_bridge {
  my $bytes = sysread(STDIN, $from_bridge, 65536, length($from_bridge));
  if (!$bytes) {
    # A bridge that ends in the middle of a panic leaves nothing running.
    kill_agents() if defined($panic_ends);
    unlink($path);
    exit(0);
  }
  while ($from_bridge =~ s/^([^\n]*)\n//) {
    my ($what, $id, $pid, $ticks, $freezer) = split(/ /, $1, 5);
    if ($what eq "agent") { $agents{$id} = [$pid, $ticks, $freezer] }
    elsif ($what eq "gone") { delete($agents{$id}) }
    elsif ($what eq "panicked") { undef($panic_ends) }
  }
}

sub accept_client {
  my $handle;
  accept($handle, $listener) or return;
  $clients{fileno($handle)} = [$handle, "", now() + $CLIENT_SECONDS_MAX];
}

sub drop_client { my ($client) = @_; close((delete($clients{$client}))->[0]) }

sub hear_client {
  my ($client) = @_;
  my $parts = $clients{$client};
  my $bytes = sysread($parts->[0], $parts->[1], $LINE_BYTES_MAX, length($parts->[1]));
  return drop_client($client) if !$bytes || length($parts->[1]) > $LINE_BYTES_MAX;
  return if $parts->[1] !~ /^([^\n]*)\n/;
  my $reason = $1;
  my $frozen = freeze_agents();
  keep_panic($reason);
  syswrite(STDOUT, "panic $reason\n");
  $panic_ends //= now() + $TAKE_OVER_SECONDS;
  syswrite($parts->[0], "{\"agents\":" . keys(%agents) . ",\"frozen\":$frozen}\n");
  drop_client($client);
}

# What is named by its temporary name only is never taken for a panic.
sub keep_panic {
  my ($reason) = @_;
  my $file;
  open($file, ">", "$panic_file.new") && syswrite($file, "$reason\n") && close($file)
    && rename("$panic_file.new", $panic_file)
    or report("The panic could not be written to $panic_file");
}

sub freeze_agents {
  my $frozen = 0;
  for my $agent (living()) {
    my ($pid, undef, $freezer) = @$agent;
    $frozen += 1 if $freezer eq "-" ? kill("STOP", $pid) : put($freezer, $freezer =~ /freezer\.state$/ ? "FROZEN" : "1");
  }
  return $frozen;
}

sub thaw_agents {
  for my $agent (living()) {
    my ($pid, undef, $freezer) = @$agent;
    $freezer eq "-" ? kill("CONT", $pid) : put($freezer, $freezer =~ /freezer\.state$/ ? "THAWED" : "0");
  }
}

sub kill_agents {
  kill("KILL", $_->[0]) for living();
  thaw_agents();
}

# A number that the kernel has given to another process since is left alone.
sub living {
  return grep {
    my ($pid, $ticks) = @$_;
    my $file;
    my $stat = open($file, "<", "/proc/$pid/stat") ? <$file> : "";
    my (undef, $fields) = split(/.*\) /s, $stat // "", 2);
    ((split(/ /, $fields // ""))[19] // "") eq $ticks;
  } values(%agents);
}

sub put {
  my ($name, $value) = @_;
  my $file;
  return open($file, ">", $name) && syswrite($file, $value) && close($file);
}

sub look_at_signals {
  return if !defined($signals);
  my $stops = waiting_stops();
  if ($stops == 0) {
    # The bridge has taken it. Its own stop does the rest.
    ($signalled_at, $stage) = (undef, 0);
    return;
  }
  $signalled_at //= now();
  my $waited_ms = (now() - $signalled_at) * 1000;
  return if $waited_ms < $SIGNAL_SECONDS * 1000;
  if ($stage == 0) {
    $stage = 1;
    report("The bridge stands still and has not taken a signal to stop: its agents are stopped");
    thaw_agents();
    kill("TERM", $_->[0]) for living();
  }
  my $is_hurried = $stops > 1;
  if ($stage == 1 && ($is_hurried || $waited_ms > $stop_grace_ms)) {
    $stage = 2;
    kill_agents();
  }
  if ($stage == 2 && ($is_hurried || $waited_ms > $hard_stop_ms)) {
    report("The bridge stands still and has not stopped in time: it is killed");
    unlink($path);
    kill("KILL", $bridge);
    exit(0);
  }
}

# How many signals to stop are in the pipe. What is looked at stays in there.
sub waiting_stops {
  my $bytes = syscall($TEE, fileno($signals), fileno($seen_out), 65536, $SPLICE_F_NONBLOCK);
  return 0 if $bytes <= 0;
  sysread($seen_in, my $messages, $bytes);
  my $stops = 0;
  for (my $at = 0; $at + $SIGNAL_MESSAGE_BYTES <= length($messages // ""); $at += $SIGNAL_MESSAGE_BYTES) {
    $stops += 1 if $STOPS{unpack("l", substr($messages, $at + 8, 4))};
  }
  return $stops;
}

# Seconds since the machine started, by the clock that nobody sets.
sub now {
  my $file;
  open($file, "<", "/proc/uptime") or return time();
  return (split(/ /, <$file>))[0];
}

sub report {
  my ($message) = @_;
  my ($second, $minute, $hour, $day, $month, $year) = gmtime();
  my $at = sprintf("%04d-%02d-%02dT%02d:%02d:%02d.000Z", $year + 1900, $month + 1, $day, $hour, $minute, $second);
  syswrite(STDERR, "{\"level\":\"error\",\"time\":\"$at\",\"module\":\"guard\",\"msg\":\"$message\"}\n");
}
