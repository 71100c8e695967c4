"""`autonomy benchmark optimum`: the same windows stated in many ways and solved by many, in one run."""
