"""One experiment in one JSON file: its fields, their rules, how it is read."""
