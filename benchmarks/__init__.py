"""What the course promises, measured: each module is a command that prints a table."""
