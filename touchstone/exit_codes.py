"""What the exit code of every command means."""

FINE = 0
FINDINGS = 1  # it ran, and found what one would want to know: a failed probe, a suspect, a difference
CONFIGURATION = 2  # usage or configuration
RUNTIME = 3  # a store, a port, a disk: something outside did not do what it should
