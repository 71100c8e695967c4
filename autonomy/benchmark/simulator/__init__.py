"""The community simulator against the clock: its faces, and CityLearn on the same homes."""
