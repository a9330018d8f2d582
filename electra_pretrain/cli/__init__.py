"""What all commands share: arguments, exit codes, messages."""
