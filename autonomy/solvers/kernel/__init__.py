"""The exact solver's machine code: what a cell answers to a price, one group, a tree of groups, many instances."""
