"""Look into folders of records: verify, count, show, adopt."""
