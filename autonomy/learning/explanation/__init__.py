"""Explanations: what a policy wanted in a week, what the layers changed, what it earned, and which inputs mattered."""
