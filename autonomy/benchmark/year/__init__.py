"""Long windows and large communities: the one linear program, horizons, days apart, and one battery for all."""
