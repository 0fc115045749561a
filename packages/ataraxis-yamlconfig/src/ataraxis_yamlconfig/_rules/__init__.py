"""One rule per family of types: ``rule(hint, codec_for) -> Codec | None``, None when the hint is not of the family."""
