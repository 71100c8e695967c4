"""The rivals of learned dispatch: every policy with every forecast over the same weeks."""
