"""How work is run: processes, a cluster, a child command, signals."""
