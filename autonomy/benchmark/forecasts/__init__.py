"""`autonomy benchmark forecasts`: how wrong each forecast is, and how often the truth lies between low and high."""
