"""What looks at a running program: at an interval, at a signal, from another process."""
