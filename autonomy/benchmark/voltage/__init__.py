"""`autonomy benchmark voltage`: the projection with voltage limits, every solver on the same feeders in one run."""
