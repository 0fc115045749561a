"""YAML text <-> a plain tree of dicts, lists and scalars."""
