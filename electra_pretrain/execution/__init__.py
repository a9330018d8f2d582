"""How work is run: processes, a cluster, a child command, signals; and how it goes on after a stop."""
