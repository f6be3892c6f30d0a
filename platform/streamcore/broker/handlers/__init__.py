"""One file per API; each declares the key and the versions that it answers."""
