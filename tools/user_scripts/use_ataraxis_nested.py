"""A user's script for ataraxis-nested, checked by mypy --strict against the installed wheel and run."""

from ataraxis_nested import NestedDictionary

settings = NestedDictionary({"camera": {"fps": 30, "gain": 1.5}})
settings.write_nested_value("camera.exposure_ms", 4)
names: tuple[str, ...] = settings.key_datatypes
if names != ("str",) or settings.get("camera.exposure_ms") != 4:
    raise SystemExit(f"unexpected content: {settings.to_dict()}")
