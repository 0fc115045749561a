"""The three formats on disk, as bytes only: no process, no policy."""
