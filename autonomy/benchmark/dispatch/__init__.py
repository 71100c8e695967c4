"""Policies over communities, weeks, forecasts and seeds against the optimum; and other people's tools beside it."""
