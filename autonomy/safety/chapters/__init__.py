"""One file a chapter; each has a function `claims(context) -> Iterator[Claim]`."""
